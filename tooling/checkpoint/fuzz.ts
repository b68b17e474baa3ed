/**
 * The long run of test/fuzz: N damaged files through every reader and parser of a checkpoint. Each must load or be refused
 * with this project's error. Stops at the first that does neither. Writes docs/checkpoint/fuzz.json.
 *
 *   nice -n 19 node_modules/node/bin/node --conditions=@latte-flow/source tooling/checkpoint/fuzz.ts [CASES] [SECONDS]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { runCase } from '../../test/fuzz/run-case.ts';
import { workspaceRoot } from '../workspace/packages.ts';
import { machine } from './machine.ts';

const OUT = join(workspaceRoot, 'docs/checkpoint/fuzz.json');
const SEED = 2;
const REPORT_EVERY = 20_000;

const cases = Number(process.argv[2] ?? 1_000_000);
const seconds = Number(process.argv[3] ?? 600);

// The tokenizer's library warns of every pattern that it does not know.
globalThis.console.warn = () => {};

const seen = new Map<string, { loaded: number; refused: number; slowest_ms: number }>();
const start = performance.now();
const elapsed = (): number => (performance.now() - start) / 1000;
let index = 0;
for (; index < cases && elapsed() < seconds; index++) {
  const { target, refused, milliseconds } = await runCase(SEED, index);
  const counts = seen.get(target) ?? { loaded: 0, refused: 0, slowest_ms: 0 };
  counts[refused ? 'refused' : 'loaded'] += 1;
  counts.slowest_ms = Math.max(counts.slowest_ms, Math.round(milliseconds));
  seen.set(target, counts);
  if (index % REPORT_EVERY === 0) process.stderr.write(`${index} cases, ${Math.round(elapsed())} s\n`);
}
const result = {
  command: ['nice -n 19 node', ...process.execArgv, 'tooling/checkpoint/fuzz.ts', ...process.argv.slice(2)].join(' '),
  ...machine(),
  seed: SEED,
  cases: index,
  cases_asked_for: cases,
  seconds: Math.round(elapsed()),
  crashes: 0,
  peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
  targets: Object.fromEntries(seen),
};
await mkdir(dirname(OUT), { recursive: true });
await writeFile(OUT, `${JSON.stringify(result, null, 2)}\n`);
