import type { ModelSummary } from './inspect-model.ts';

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

/** The summary of a model for people. */
export function summaryText({ model, config, parts, parameters, bytes, groups, plan }: ModelSummary): string {
  const field = (name: string): string => String(config[name]);
  return [
    model,
    `  ${field('num_layers')} layers in ${field('num_groups')} groups, width ${field('hidden_size')}, ${field('num_heads')} heads of ${field('head_dim')}, residual attention ${field('residual_attention')}`,
    `  latents ${field('latent_channels')} x ${field('latent_size')} x ${field('latent_size')}, patches of ${field('patch_size')}`,
    '',
    `${count(parameters)} parameters, ${size(bytes)}`,
    ...table(parts.map((part) => [part.part, part.dtype, `${count(part.parameters)} parameters`, size(part.bytes)])),
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
