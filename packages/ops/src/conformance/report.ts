import { bootBackend } from '@latte-flow/runtime';

import { cases } from './cases.ts';
import { largeCases } from './large-cases.ts';
import { measure } from './measure.ts';
import { casesOf, hasKernels, missingFeatures, variants } from './variants.ts';

await import('../../../../tooling/test/setup.ts'); // finds SwiftShader

// Prints a Markdown table of the largest errors by op and variant: node --conditions=@latte-flow/source report.ts DEVICE...
const devices = new Set(process.argv.slice(2));
const all = [...cases, ...largeCases];
const ops = [...new Set(all.map(({ op }) => op))];
const cells = new Map<string, string[]>(ops.map((op) => [op, []]));
const columns: string[] = [];
const measuredOn = new Set<string>();
const notes: string[] = [];

for (const variant of variants.filter(({ device }) => devices.has(device))) {
  const { description } = await bootBackend({ device: variant.device });
  const missing = missingFeatures(variant);
  if (missing.length > 0) {
    notes.push(`Not measured: ${variant.name} (${description} offers no ${missing.join(', ')}).`);
    continue;
  }
  measuredOn.add(description);
  columns.push(`${variant.name}: value`, 'gradient');
  for (const op of ops) {
    let value: number | undefined;
    let gradient: number | undefined;
    for (const conformance of (hasKernels(variant) ? all : casesOf(cases, variant)).filter(
      (candidate) => candidate.op === op,
    )) {
      const measured = await measure(conformance, variant);
      value = Math.max(value ?? 0, measured.value);
      if (measured.gradient !== undefined) gradient = Math.max(gradient ?? 0, measured.gradient);
    }
    cells.get(op)!.push(value?.toExponential(1) ?? '-', gradient?.toExponential(1) ?? '-');
  }
}

const rows = [
  ['op', ...columns],
  ['', ...columns].map(() => '---'),
  ...[...cells].map(([op, row]) => [`\`${op}\``].concat(row)),
];
notes.unshift(`Measured on: ${[...measuredOn].join(', ')}.`);
process.stdout.write(`${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n\n${notes.join('\n\n')}\n`);
process.exit(0);
