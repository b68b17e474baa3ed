import { convertPrediction, marginalPreservingSde, type DiffusionForm, type Path } from '@latte-flow/schedulers';

import { list, type Quantity } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numbersOf, objectOf } from '../fixture-numbers.ts';
import type { FixtureReport } from '../report.ts';
import { checkFigures, compare, type Context } from './paths.ts';
import { referencePath } from './reference-paths.ts';

/** SiT's spellings of the diffusion forms. */
export const SIT_DIFFUSION: Readonly<Record<string, DiffusionForm>> = {
  constant: 'constant',
  SBDM: 'sbdm',
  sigma: 'sigma',
  linear: 'linear',
  decreasing: 'decreasing',
  'inccreasing-decreasing': 'increasing-decreasing',
};

/** w(t), which the noise sqrt(2 w h) of a step of the SDE shows. */
function diffusionAt(path: Path, { form, time }: { readonly form: DiffusionForm; readonly time: number }): number {
  const end = (1 + time) / 2;
  const grid = { convention: 'time', nodes: [time, end] } as const;
  const solver = marginalPreservingSde({ path, diffusion: form, lastStep: 'none' });
  const stored = solver.plan({ grid, index: 0, count: 1, start: time, end, memory: {} }).at(-1);
  if (stored?.kind !== 'store') throw new Error('The step of the SDE stores nothing.');
  return stored.slots['sample']!['noise']! ** 2 / (2 * (end - time));
}

/** Conversions of the fixture's velocity at one time. */
function conversions(path: Path, fields: Json, time: number): Readonly<Record<string, () => Quantity>> {
  const sample = Float64Array.from(numbersOf(fields['x'], 'x'));
  const velocity = Float64Array.from(numbersOf(fields['velocity'], 'velocity'));
  const given = { from: 'velocity', time, sample, prediction: velocity } as const;
  const score = () => convertPrediction(path, { ...given, to: 'score' });
  return {
    score: () => list(score()),
    noise: () => list(convertPrediction(path, { ...given, to: 'noise' })),
    data: () => list(convertPrediction(path, { ...given, to: 'data' })),
    velocity_from_score: () =>
      list(convertPrediction(path, { from: 'score', to: 'velocity', time, sample, prediction: score() })),
  };
}

async function checkPlan(context: Context, label: string, { path, plan }: { path: Path; plan: Json }): Promise<void> {
  const times = numbersOf(context.content['t'], 't');
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(plan)) {
    const time = /^conversions_at_t([\d.]+)$/.exec(name)?.[1];
    if (name === 'diffusion') {
      for (const [spelling, expected] of Object.entries(objectOf(value))) {
        const form = SIT_DIFFUSION[spelling];
        const actual = form && (() => list(times.map((at) => diffusionAt(path, { form, time: at }))));
        await compare(context, `${label}.diffusion.${spelling}`, { expected, actual });
      }
    } else if (time !== undefined) {
      const { x, velocity, ...expected } = objectOf(value);
      const known = conversions(path, { x, velocity }, Number(time));
      for (const [quantity, numbers] of Object.entries(expected)) {
        await compare(context, `${label}.${name}.${quantity}`, { expected: numbers, actual: known[quantity] });
      }
    } else if (name !== 'params') fields[name] = value;
  }
  await checkFigures(context, label, { path, fields, times });
}

/** The `plans` of a fixture of SiT: figures of its paths, diffusion coefficients, conversions. */
export async function checkSitPaths({ content }: Fixture, report: FixtureReport): Promise<void> {
  const context = { content, bound: float64Bound(content), report };
  for (const [name, value] of Object.entries(objectOf(content['plans']))) {
    const plan = objectOf(value);
    const label = `plans.${name}`;
    const path = referencePath(name, objectOf(plan['params']));
    if (path === undefined) report.unsupported(label, 'no path of this name or parameters');
    else await report.section(label, () => checkPlan(context, label, { path, plan }));
  }
}
