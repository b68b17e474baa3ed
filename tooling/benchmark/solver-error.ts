/**
 * Error against evaluations of every deterministic solver, on a flow with an analytic velocity and on the shipped model. Writes
 * docs/solvers/<problem>.json (the figures), docs/solvers/<problem>.svg (the plot), and prints the best solver of each budget.
 *
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/benchmark/solver-error.ts analytic
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/benchmark/solver-error.ts analytic-shifted
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/benchmark/solver-error.ts stream
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { requireOneOf } from '@latte-flow/core';

import { workspaceRoot } from '../workspace/packages.ts';
import { type Contender, contenders } from './contenders.ts';
import { errorChart, type Measurement } from './error-chart.ts';
import { gaussianMixture } from './gaussian-mixture.ts';
import { type Problem, relativeError } from './problem.ts';
import { shippedStream } from './shipped-stream.ts';

const OUT = join(workspaceRoot, 'docs/solvers');
const TOLERANCES = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5, 1e-6];

const problems = {
  analytic: () => gaussianMixture({ shift: 1 }),
  'analytic-shifted': () => gaussianMixture({ shift: 3 }),
  stream: () => shippedStream(join(workspaceRoot, 'packages/emoji/checkpoint'), { device: 'auto' }),
};

/** The runs of a contender: one a budget, or one a tolerance until the largest budget is spent. */
async function* runsOf(contender: Contender, { budgets, boundaries, times, solve }: Problem) {
  if ('solver' in contender) {
    for (const budget of budgets) yield await solve(contender.solver, times(budget / contender.evaluationsPerStep));
    return;
  }
  for (const rtol of TOLERANCES) {
    const run = await solve(contender.adaptive(rtol), boundaries);
    if (run.evaluations > budgets.at(-1)!) return;
    yield run;
  }
}

async function measure(problem: Problem, reference: ArrayLike<number>): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const contender of contenders) {
    for await (const { sample, evaluations } of runsOf(contender, problem)) {
      measurements.push({ solver: contender.label, evaluations, error: relativeError(sample, reference) });
    }
    process.stderr.write(`${contender.label}\n`);
  }
  return measurements;
}

/** The three smallest errors of each budget, as rows of a table. */
function bestOf(measurements: readonly Measurement[], budgets: readonly number[]): string {
  const rows = budgets.map((budget) => {
    const best = measurements
      .filter(({ evaluations }) => evaluations === budget)
      .toSorted((a, b) => a.error - b.error)
      .slice(0, 3)
      .map(({ solver, error }) => `${solver} ${error.toExponential(1)}`);
    return `| ${[budget, ...best].join(' | ')} |`;
  });
  return ['| evaluations | best | second | third |', '| ---: | --- | --- | --- |', ...rows].join('\n');
}

const name = requireOneOf('solver-error', 'problem', process.argv[2] ?? 'analytic', Object.keys(problems));
const problem = await problems[name as keyof typeof problems]();
const { fine, coarse } = await problem.reference();
const measurements = await measure(problem, fine);
problem.dispose();

await mkdir(OUT, { recursive: true });
const result = {
  problem: problem.description,
  command: `node_modules/node/bin/node --conditions=@latte-flow/source tooling/benchmark/solver-error.ts ${name}`,
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  /** How far the reference is from one by half the work. */
  reference_error: relativeError(coarse, fine),
  measurements,
};
await writeFile(join(OUT, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
await writeFile(join(OUT, `${name}.svg`), errorChart(measurements, { title: problem.description }));
process.stdout.write(`${bestOf(measurements, problem.budgets)}\n`);
