import { deviceOptions, bootBackend } from '@latte-flow/runtime';

import { cases } from './cases.ts';
import { measure } from './measure.ts';

await import('../../../../tooling/test/setup.ts'); // finds SwiftShader

// Prints a Markdown table of the largest errors by op: node --conditions=@latte-flow/source report.ts DEVICE...
const devices = deviceOptions.filter((device) => device !== 'auto' && process.argv.slice(2).includes(device));
const ops = [...new Set(cases.map(({ op }) => op))];
const columns: string[] = [];
const cells = new Map<string, string[]>(ops.map((op) => [op, []]));

for (const device of devices) {
  const { description } = await bootBackend({ device });
  columns.push(`${description}: value`, 'gradient');
  for (const op of ops) {
    let value = 0;
    let gradient: number | undefined;
    for (const conformance of cases.filter((candidate) => candidate.op === op)) {
      const measured = await measure(conformance);
      value = Math.max(value, measured.value);
      if (measured.gradient !== undefined) gradient = Math.max(gradient ?? 0, measured.gradient);
    }
    cells.get(op)!.push(value.toExponential(1), gradient?.toExponential(1) ?? '-');
  }
}

const rows = [
  ['op', ...columns],
  ['', ...columns].map(() => '---'),
  ...[...cells].map(([op, row]) => [`\`${op}\``].concat(row)),
];
process.stdout.write(`${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`);
process.exit(0);
