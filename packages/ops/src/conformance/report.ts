import { deviceOptions, bootBackend } from '@latte-flow/runtime';

import { cases } from './cases.ts';
import { measure } from './measure.ts';

await import('../../../../tooling/test/setup.ts'); // finds SwiftShader

// Prints a Markdown table of the largest errors by op: node --conditions=@latte-flow/source report.ts [device...]
const chosen = deviceOptions.filter((device) => device !== 'auto' && process.argv.slice(2).includes(device));
const devices = chosen.length > 0 ? chosen : (['cpu', 'wasm', 'webgpu'] as const);
const ops = [...new Set(cases.map(({ op }) => op))];
const columns: string[] = [];
const cells = new Map<string, string[]>(ops.map((op) => [op, []]));

for (const device of devices) {
  const { description } = await bootBackend({ device });
  columns.push(`${description}: value`, 'gradient');
  for (const op of ops) {
    let [value, gradient] = [0, 0];
    for (const conformance of cases.filter((candidate) => candidate.op === op)) {
      const measured = await measure(conformance);
      value = Math.max(value, measured.value);
      gradient = Math.max(gradient, measured.gradient ?? 0);
    }
    cells.get(op)!.push(value.toExponential(1), op === 'ropeTables' ? '-' : gradient.toExponential(1));
  }
}

const rows = [
  ['op', ...columns],
  ['', ...columns].map(() => '---'),
  ...[...cells].map(([op, row]) => [`\`${op}\``].concat(row)),
];
process.stdout.write(`${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`);
process.exit(0);
