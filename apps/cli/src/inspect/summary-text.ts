import type { DtypeErrors } from './dtype-error.ts';
import type { AloneSummary, CoupledSummary, ModelSummary } from './inspect-model.ts';

const count = (value: number): string => value.toLocaleString('en-US');
const size = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

function flopsText(flops: number): string {
  const [scale, unit] = flops < 1e9 ? [1e6, 'MFLOP'] : flops < 1e12 ? [1e9, 'GFLOP'] : [1e12, 'TFLOP'];
  return `${(flops / scale).toPrecision(3)} ${unit}`;
}

/** Rows of cells as lines with aligned columns. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}

function sizeText({ parts, parameters, bytes }: ModelSummary): string[] {
  return [
    `${count(parameters)} parameters, ${size(bytes)}`,
    ...table(parts.map((part) => [part.part, part.dtype, `${count(part.parameters)} parameters`, size(part.bytes)])),
  ];
}

function aloneText(summary: AloneSummary): string {
  const { model, backbone } = summary;
  return [model, `  ${String(backbone['model_type'])}`, '', ...sizeText(summary), ''].join('\n');
}

/** The summary of a model for people. */
export function summaryText(summary: ModelSummary): string {
  return 'plan' in summary ? coupledText(summary) : aloneText(summary);
}

function coupledText(summary: CoupledSummary): string {
  const { model, config, groups, plan } = summary;
  const field = (name: string): string => String(config[name]);
  return [
    model,
    `  ${field('num_layers')} layers in ${field('num_groups')} groups, width ${field('hidden_size')}, ${field('num_heads')} heads of ${field('head_dim')}, residual attention ${field('residual_attention')}`,
    `  latents ${field('latent_channels')} x ${field('latent_size')} x ${field('latent_size')}, patches of ${field('patch_size')}`,
    '',
    ...sizeText(summary),
    '',
    `groups, at ${plan.steps} steps`,
    ...table(
      groups.map(({ group, layers: [first, end], interval: [from, to], steps }) => [
        `group ${group}`,
        `layers ${first} to ${end - 1}`,
        `t in [${from}, ${to})`,
        `${steps} steps`,
      ]),
    ),
    '',
    `a picture with guidance ${plan.guidance}: ${plan.evaluations} evaluations, ${count(plan.layers)} of ${count(plan.vanillaLayers)} layers`,
    `  ${flopsText(plan.flops ?? 0)} without context, where a model without groups takes ${flopsText(plan.vanillaFlops ?? 0)}`,
    ...plan.warnings.map((warning) => `  warning: ${warning}`),
    '',
  ].join('\n');
}

/** The errors of a dtype for people, the largest relative ones first. */
export function dtypeErrorText({ model, modules, total }: DtypeErrors): string {
  const percent = (error: number): string => `${(100 * error).toPrecision(3)} %`;
  const rows = modules
    .toSorted((a, b) => b.relative_error - a.relative_error)
    .map((row) => [
      row.module,
      row.dtype,
      size(row.bytes),
      row.max_error.toExponential(2),
      row.rms_error.toExponential(2),
      percent(row.relative_error),
    ]);
  return [
    model,
    ...table([['module', 'dtype', 'size', 'max error', 'rms error', 'of rms weight'], ...rows]),
    '',
    `${count(total.parameters)} parameters, ${size(total.bytes)}, rms error ${total.rms_error.toExponential(2)} (${percent(total.relative_error)} of the rms weight)`,
    '',
  ].join('\n');
}
