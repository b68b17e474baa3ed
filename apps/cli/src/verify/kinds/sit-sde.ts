import {
  floatArrays,
  marginalPreservingSde,
  stepperOf,
  type FloatArray,
  type MarginalPreservingSdeOptions,
} from '@latte-flow/schedulers';

import { list, type Quantity } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numberOf, numbersOf, objectOf, objectsOf } from '../fixture-numbers.ts';
import type { FixtureReport } from '../report.ts';
import { referencePath } from './reference-paths.ts';
import { SIT_DIFFUSION } from './sit-paths.ts';

const METHODS: Readonly<Record<string, MarginalPreservingSdeOptions['method']>> = {
  Euler: 'euler-maruyama',
  Heun: 'heun',
};
const LAST_STEPS: Readonly<Record<string, MarginalPreservingSdeOptions['lastStep']>> = {
  Mean: 'mean',
  Tweedie: 'tweedie',
  Euler: 'euler',
  null: 'none',
};
const FORMULA = /^u\(x,t\)=tanh\(([\d.]+)\*x\+([\d.]+)\*t\)-([\d.]+)\*x$/;
/** `sample_eps` is in `t0` and `t1`. */
const FIELDS = new Set(
  'path params method diffusion_form diffusion_norm last_step last_step_size num_steps sample_eps t0 t1 noise init model samples'.split(
    ' ',
  ),
);

/** The velocity that a formula describes, or undefined for one of another form. */
function velocityOf(formula: unknown): ((x: FloatArray, time: number) => FloatArray) | undefined {
  const [a, b, c] = FORMULA.exec(String(formula))?.slice(1).map(Number) ?? [];
  if (a === undefined || b === undefined || c === undefined) return undefined;
  return (x, time) => x.map((value) => Math.tanh(a * value + b * time) - c * value);
}

/** The options of a run, or what of it is not known. */
function optionsOf(run: Json): MarginalPreservingSdeOptions | string {
  const stranger = Object.keys(run).find((name) => !FIELDS.has(name));
  if (stranger !== undefined) return stranger;
  const path = referencePath(String(run['path']), objectOf(run['params']));
  const diffusion = SIT_DIFFUSION[String(run['diffusion_form'])];
  const method = METHODS[String(run['method'])];
  const lastStep = LAST_STEPS[String(run['last_step'])];
  if (path === undefined) return 'path';
  if (diffusion === undefined) return 'diffusion_form';
  if (method === undefined) return 'method';
  if (lastStep === undefined) return 'last_step';
  const norm = run['diffusion_norm'] === undefined ? 1 : numberOf(run, 'diffusion_norm');
  return { path, diffusion, norm, method, lastStep };
}

/** `num_steps` nodes from t0 to t1, and the end of the last step unless there is none, or it has no length. */
function gridOf(run: Json, lastStep: MarginalPreservingSdeOptions['lastStep']): readonly number[] {
  const [t0, t1, count] = [numberOf(run, 't0'), numberOf(run, 't1'), numberOf(run, 'num_steps')];
  const times = Array.from({ length: count }, (_, i) => (i === count - 1 ? t1 : t0 + ((t1 - t0) * i) / (count - 1)));
  // Tweedie's formula leads to the data, whatever the length.
  const end = lastStep === 'tweedie' ? 1 : t1 + numberOf(run, 'last_step_size');
  // The two sizes of a run sum up to 1 but for a rounding.
  const node = Math.abs(end - 1) < 1e-12 ? 1 : end;
  return lastStep === 'none' || node === t1 ? times : [...times, node];
}

/** x after every step, the last one repeated where the run has no last step of its own, as SiT lists them. */
function samplesOf(
  run: Json,
  options: MarginalPreservingSdeOptions,
  velocity: (x: FloatArray, time: number) => FloatArray,
): Quantity {
  const noise = Array.isArray(run['noise']) ? run['noise'] : [];
  const times = gridOf(run, options.lastStep);
  const special = times.length > numberOf(run, 'num_steps');
  const solver = marginalPreservingSde({ ...options, lastStep: special ? options.lastStep : 'none' });
  const stepper = stepperOf(solver, {
    arithmetic: floatArrays,
    noise: (step) => numbersOf(noise[step], `noise of step ${step}`),
  });
  const samples: number[][] = [];
  let state = stepper.begin({ times, sample: Float64Array.from(numbersOf(run['init'], 'init')) });
  while (state.request !== undefined) {
    const { step, request } = state;
    state = stepper.advance(state, velocity(request.sample, request.node));
    if (state.step > step) samples.push([...state.slots.sample]);
  }
  if (!special) samples.push(samples.at(-1)!);
  return list(samples.flat());
}

/** The `sde` of a fixture of SiT: every sample of every run, with the noise injected. */
export async function checkSitSde({ content }: Fixture, report: FixtureReport): Promise<void> {
  const bound = float64Bound(content);
  for (const [index, run] of objectsOf(content['sde']).entries()) {
    const label = `sde.${index}.${['path', 'method', 'diffusion_form', 'last_step'].map((name) => String(run[name])).join('.')}`;
    const options = optionsOf(run);
    const velocity = velocityOf(run['model']);
    if (typeof options === 'string') report.unsupported(label, `its ${options} is not known`);
    else if (velocity === undefined) report.unsupported(label, 'its model is not known');
    else {
      await report.compare(label, bound, () => [
        samplesOf(run, options, velocity),
        list(numbersOf(run['samples'], 'samples')),
      ]);
    }
  }
}
