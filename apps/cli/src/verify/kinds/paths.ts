import {
  conversionCoefficients,
  convertPrediction,
  interpolate,
  targetVelocity,
  transformVelocity,
  type Path,
  type PathEnds,
  type Prediction,
} from '@latte-flow/schedulers';
import { generalizedKl, tokenVelocity } from '@latte-flow/schedulers/discrete';

import { list, type Quantity } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numbersOf, objectOf, objectsOf } from '../fixture-numbers.ts';
import type { Bound, FixtureReport } from '../report.ts';
import { referencePath } from './reference-paths.ts';

/** What is common to the checks of one fixture. */
export interface Context {
  readonly content: Json;
  readonly bound: Bound;
  readonly report: FixtureReport;
}

const FORMULA = 'u(x,t)=tanh(1.3*x+0.5*t)-0.2*x';
const PREDICTIONS: Readonly<Record<string, Prediction>> = {
  velocity: 'velocity',
  target: 'data',
  epsilon: 'noise',
  score: 'score',
};
/** Fields that say something about the fixture, or are read by the checks of others. */
const ABOUT = new Set(['kind', 'source', 'convention', 'precision', 'notes', 'tolerance', 't']);

/** The rows of a nested list, each as its numbers in order. */
export function rowsOf(nested: unknown, name: string): Float64Array[] {
  if (!Array.isArray(nested)) throw new TypeError(`The fixture has no list as ${name}.`);
  return nested.map((row) => Float64Array.from(numbersOf(row, name)));
}

export const joined = (rows: readonly ArrayLike<number>[]): Quantity => list(rows.flatMap((row) => Array.from(row)));

/** A path of the fixture by its name there. */
function pathOf({ content }: Context, name: string): Path | undefined {
  return referencePath(name, objectOf(objectOf(objectOf(content['schedulers'])[name])['params']));
}

/** Compares numbers, or says that there is nothing to compare them with. */
export async function compare(
  { bound, report }: Context,
  label: string,
  {
    expected,
    actual,
  }: { readonly expected: unknown; readonly actual: (() => Quantity | Promise<Quantity>) | undefined },
): Promise<void> {
  if (actual === undefined) report.unsupported(label, 'this quantity is not known');
  else await report.compare(label, bound, async () => [await actual(), list(numbersOf(expected, label))]);
}

const ratio = (path: Path, time: number): number => path.alpha(time) / path.sigma(time);

const ofScore = (path: Path, time: number) => conversionCoefficients(path, { from: 'score', to: 'velocity', time });

/** The figures of a path at a time by the names of flow_matching and SiT. */
const figures: Readonly<Record<string, (path: Path, time: number) => number>> = {
  alpha: (path, time) => path.alpha(time),
  sigma: (path, time) => path.sigma(time),
  d_alpha: (path, time) => path.alphaDerivative(time),
  d_sigma: (path, time) => path.sigmaDerivative(time),
  snr: ratio,
  snr_inverse_of_snr: (path, time) => path.snrInverse(ratio(path, time)),
  // Of a path with alpha + sigma = 1.
  kappa_inverse_of_alpha: (path, time) => path.snrInverse(path.alpha(time) / (1 - path.alpha(time))),
  drift_coef_of_x: (path, time) => -ofScore(path, time).sample,
  drift_var: (path, time) => ofScore(path, time).prediction,
};

/** The figures of one path at all times. */
export async function checkFigures(
  context: Context,
  label: string,
  { path, fields, times }: { readonly path: Path; readonly fields: Json; readonly times: readonly number[] },
): Promise<void> {
  for (const [name, expected] of Object.entries(fields)) {
    const figure = figures[name];
    const actual = figure && (() => list(times.map((time) => figure(path, time))));
    await compare(context, `${label}.${name}`, { expected, actual });
  }
}

async function checkSchedulers(context: Context): Promise<void> {
  const times = numbersOf(context.content['t'], 't');
  for (const [name, value] of Object.entries(objectOf(context.content['schedulers']))) {
    const { params: _, ...fields } = objectOf(value);
    const path = pathOf(context, name);
    if (path === undefined) context.report.unsupported(`schedulers.${name}`, 'no path of this name or parameters');
    else await checkFigures(context, `schedulers.${name}`, { path, fields, times });
  }
}

type Ends = PathEnds<Float64Array>;

/** What a quantity of `path_sample` is at one time: x_t, its velocity, or a conversion from one truth to another. */
function sampleQuantity(path: Path, name: string): ((ends: Ends) => Float64Array) | undefined {
  if (name === 'x_t') return (ends) => interpolate(path, ends);
  if (name === 'dx_t') return (ends) => targetVelocity(path, ends);
  const [from, to] = name.split('_to_').map((side) => PREDICTIONS[side]);
  if (from === undefined || to === undefined) return undefined;
  return (ends) => {
    const { data, noise, time } = ends;
    const truths = {
      data,
      noise,
      velocity: targetVelocity(path, ends),
      score: Float64Array.from(noise, (value) => -value / path.sigma(time)),
    };
    return convertPrediction(path, { from, to, time, sample: interpolate(path, ends), prediction: truths[from] });
  };
}

async function checkPathSample(context: Context): Promise<void> {
  const { x_0, x_1, t, ...paths } = objectOf(context.content['path_sample']);
  const [noises, data] = [rowsOf(x_0, 'x_0'), rowsOf(x_1, 'x_1')];
  const rows = numbersOf(t, 't').map((time, i) => ({ time, data: data[i]!, noise: noises[i]! }));
  for (const [pathName, fields] of Object.entries(paths)) {
    const path = pathOf(context, pathName);
    for (const [name, expected] of Object.entries(objectOf(fields))) {
      const quantity = path && sampleQuantity(path, name);
      const actual = quantity && (() => joined(rows.map(quantity)));
      await compare(context, `path_sample.${pathName}.${name}`, { expected, actual });
    }
  }
}

async function checkTransforms(context: Context): Promise<void> {
  const { model, x, t, cases } = objectOf(context.content['schedule_transformed_model']);
  for (const [i, { original, new: changed, u }] of objectsOf(cases).entries()) {
    const label = `schedule_transformed_model.${i}.${String(original)}_to_${String(changed)}.u`;
    const [from, to] = [pathOf(context, String(original)), pathOf(context, String(changed))];
    const work = async (): Promise<Quantity> => {
      const velocity = transformVelocity(
        (sample, time) => sample.map((value) => Math.tanh(1.3 * value + 0.5 * time) - 0.2 * value),
        // As upstream, which does not mind times below 0.
        { from: from!, to: to!, extrapolate: true },
      );
      const sample = Float64Array.from(numbersOf(x, 'x'));
      const at = (time: number) => velocity(sample, time, { step: 0, stage: 0, target: time });
      return joined(await Promise.all(numbersOf(t, 't').map(at)));
    };
    const known = model === FORMULA && from !== undefined && to !== undefined;
    await compare(context, label, { expected: u, actual: known ? work : undefined });
  }
}

async function checkDiscrete(context: Context): Promise<void> {
  const { logits, x_1, x_t, t, cases } = objectOf(context.content['discrete']);
  const [scores, data, tokens] = [rowsOf(logits, 'logits'), rowsOf(x_1, 'x_1'), rowsOf(x_t, 'x_t')];
  const rows = numbersOf(t, 't').map((time, i) => ({ time, logits: scores[i]!, tokens: tokens[i]!, data: data[i]! }));
  const count = tokens.reduce((sum, row) => sum + row.length, 0);
  for (const [name, value] of Object.entries(objectOf(cases))) {
    const path = pathOf(context, name);
    const total = () => rows.reduce((sum, row) => sum + generalizedKl(path!, { ...row, reduction: 'sum' }), 0);
    const known: Readonly<Record<string, () => Quantity>> = {
      posterior_to_velocity: () => joined(rows.map((row) => tokenVelocity(path!, row))),
      'generalized_kl.none': () => joined(rows.map((row) => generalizedKl(path!, { ...row, reduction: 'none' }))),
      'generalized_kl.mean': () => list([total() / count]),
      'generalized_kl.sum': () => list([total()]),
    };
    const { generalized_kl: losses, ...others } = objectOf(value);
    const prefixed = Object.entries(objectOf(losses)).map(([key, loss]) => [`generalized_kl.${key}`, loss] as const);
    for (const [quantity, expected] of [...Object.entries(others), ...prefixed]) {
      const actual = path === undefined ? undefined : known[quantity];
      await compare(context, `discrete.${name}.${quantity}`, { expected, actual });
    }
  }
}

const sections: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  schedulers: checkSchedulers,
  path_sample: checkPathSample,
  schedule_transformed_model: checkTransforms,
  discrete: checkDiscrete,
};

/** Paths with their inverses and conversions, changes of path after training, and the discrete mixture path. */
export async function checkPaths({ content }: Fixture, report: FixtureReport): Promise<void> {
  const context = { content, bound: float64Bound(content), report };
  for (const name of Object.keys(content).filter((field) => !ABOUT.has(field))) {
    const section = sections[name];
    if (section === undefined) report.unsupported(name, 'this quantity is not known');
    else await report.section(name, () => section(context));
  }
}
