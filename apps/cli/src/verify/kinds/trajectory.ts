import { describeValue } from '@latte-flow/core';
import { dopri5, type FloatArray, floatArrays, integrate, type NoiseSource, stepperOf } from '@latte-flow/schedulers';
import {
  type DiffusersCompat,
  type DiffusersSchedule,
  fromDiffusersConfig,
  type ScheduleOptions,
  type SchedulerConfig,
} from '@latte-flow/schedulers/diffusers';

import { list } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numbersOf, objectOf } from '../fixture-numbers.ts';
import type { FixtureReport } from '../report.ts';

const FORMULA = 'v(x, sigma) = tanh(1.3*x + 0.5*sigma) - 0.2*x   (elementwise)';
const formula = (x: number, sigma: number): number => Math.tanh(1.3 * x + 0.5 * sigma) - 0.2 * x;

/** Arguments of upstream's `set_timesteps` and `step`, and the options that they are here. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  num_inference_steps: 'steps',
  sigmas: 'sigmas',
  timesteps: 'timesteps',
  mu: 'mu',
  max_timesteps: 'maxAngle',
  intermediate_timesteps: 'intermediateAngle',
};
const CHURN: Readonly<Record<string, string>> = {
  s_churn: 'amount',
  s_tmin: 'min',
  s_tmax: 'max',
  s_noise: 'noiseScale',
};

/** The arguments under their names here; one that has none stops the check. */
function renamed(given: Json, names: Readonly<Record<string, string>>): Json {
  const unknown = Object.keys(given).find((name) => names[name] === undefined);
  if (unknown !== undefined) throw new Unsupported(`the argument ${unknown}`);
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [names[name]!, value]));
}

class Unsupported extends Error {}

/** What `calls`, `set_timesteps`, `begin_index` and `step_kwargs` of a fixture ask for. */
function optionsOf(content: Json): ScheduleOptions {
  const calls = Array.isArray(content['calls']) ? (content['calls'] as readonly [string, number][]) : [];
  const other = calls.find(([name]) => name !== 'set_shift');
  if (other !== undefined) throw new Unsupported(`the call ${other[0]}`);
  const churn = renamed(objectOf(content['step_kwargs']), CHURN);
  // Upstream's Euler takes the arguments of churn, too, and ignores them.
  const churned = objectOf(content['source'])['class'] === 'FlowMatchHeunDiscreteScheduler' && 'amount' in churn;
  const { maxAngle, ...given } = renamed(objectOf(content['set_timesteps']), ARGUMENTS);
  const options = {
    ...given,
    maxAngle: maxAngle ?? undefined,
    shift: calls.at(-1)?.[1],
    beginIndex: Number(content['begin_index'] ?? 0),
    churn: churned ? { ...churn, max: typeof churn['max'] === 'number' ? churn['max'] : undefined } : undefined,
  };
  const isAngle = (name: string) => name === 'intermediateAngle';
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== null || isAngle(name)));
}

/**
 * The draws in the order of their use. Upstream's Heun draws at both of its stages, and uses the first. A file without draws
 * may be of a stochastic solver that needs none in it.
 */
function noiseOf({ noise, source }: Json): NoiseSource {
  const { draws } = objectOf(noise);
  let used = 0;
  const isHeun = objectOf(source)['class'] === 'FlowMatchHeunDiscreteScheduler';
  return (step) => numbersOf(Array.isArray(draws) ? draws[isHeun ? 2 * used++ : step] : undefined, 'draws');
}

/** One run, entry by entry as upstream's `step()` is called. */
interface Run {
  readonly arguments: number[];
  readonly outputs: number[];
  readonly samples: number[];
}

function runOf(
  { solver, grid, conditioning }: DiffusersSchedule,
  { sample, noise, sign }: { readonly sample: FloatArray; readonly noise: NoiseSource; readonly sign: 1 | -1 },
): Run {
  const stepper = stepperOf(solver, { arithmetic: floatArrays, noise });
  const run: Run = { arguments: [], outputs: [], samples: [] };
  let state = stepper.begin({ ...grid, sample });
  while (state.request !== undefined) {
    const { sigma } = conditioning(state.request);
    const output = state.request.sample.map((x) => sign * formula(x, sigma));
    state = stepper.advance(state, output);
    run.arguments.push(sigma);
    run.outputs.push(...output);
    run.samples.push(...(state.request?.sample ?? state.slots.sample));
  }
  return run;
}

/** Fields of the file, and of its `expected`, that are read above or say something about the fixture. */
const READ = new Set(
  `kind calls compat tolerance name source config config_overrides set_timesteps num_inference_steps begin_index model noise
   step_kwargs precision max_abs_diff_f32_f64 notes exact_ode expected`.split(/\s+/),
);
const COMPARED = ['sigmas', 'timesteps', 'model_sigma', 'model_output', 'trajectory'];
const READ_EXPECTED = new Set([...COMPARED, 'initial_sample', 'upstream_last_step', 'last_step_replaced_by']);

/** Where the exact flow leads, and how far from there the float64 run ends. */
async function checkExactFlow(content: Json, { report, end }: { report: FixtureReport; end: readonly number[] }) {
  const { from_sigma: from, to_sigma: to, final, ...about } = objectOf(content['exact_ode']);
  if (final === undefined) return;
  const bound = float64Bound(content);
  await report.section('exact_ode', async () => {
    const sigmas = numbersOf([from, to], 'the ends of exact_ode');
    const { initial_sample: initial } = objectOf(objectOf(content['expected'])['f64']);
    const sample = Float64Array.from(numbersOf(initial, 'initial_sample'));
    const velocity = (x: FloatArray, sigma: number) => x.map((value) => formula(value, sigma));
    const solution = await integrate(dopri5({ rtol: 1e-13, atol: 1e-13 }), { sigmas, sample, velocity });
    const exact = numbersOf(final, 'final');
    await report.compare('exact_ode.final', bound, () => [list(solution.sample), list(exact)]);
    const { max_abs_error_of_f64_trajectory_end: error } = about;
    if (error === undefined) return;
    const distance = Math.max(...solution.sample.map((value, i) => Math.abs(value - end.at(i - exact.length)!)));
    await report.compare('exact_ode.error', bound, () => [list([distance]), list(numbersOf(error, 'error'))]);
  });
}

/**
 * The schedule that the fixture's config makes, and what its solver does with the fixture's network, in float64 and in
 * float32.
 */
export async function checkTrajectory({ content }: Fixture, report: FixtureReport): Promise<void> {
  const network = objectOf(content['model']);
  if (network['formula'] !== FORMULA) {
    report.unsupported('*', `no such network: ${describeValue(network['formula'])}`);
    return;
  }
  const sign = /model_output = -v/.test(String(network['note'])) ? -1 : 1;
  let schedule: DiffusersSchedule;
  try {
    const compat: DiffusersCompat = objectOf(content['compat']);
    const config: SchedulerConfig = objectOf(content['config']);
    schedule = fromDiffusersConfig(config, { compat }).schedule(optionsOf(content));
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    report.unsupported('*', error.message);
    return;
  }
  for (const name of Object.keys(content).filter((field) => !READ.has(field))) {
    report.unsupported(name, 'this quantity is not known');
  }
  let end: readonly number[] = [];
  for (const precision of ['f64', 'f32'] as const) {
    const expected = objectOf(objectOf(content['expected'])[precision]);
    const bound = { metric: 'relative', tolerance: Number(objectOf(content['tolerance'])[precision]) } as const;
    const compare = (name: string, actual: () => readonly number[]) =>
      report.compare(`${name}.${precision}`, bound, () => [list(actual()), list(numbersOf(expected[name], name))]);
    // Where the network is conditioned on angles, those are the timesteps, and there are no sigmas.
    if (expected['sigmas'] !== null) await compare('sigmas', () => schedule.sigmas);
    await compare('timesteps', () => schedule.timesteps);
    await report.section(`trajectory.${precision}`, async () => {
      const initial = numbersOf(expected['initial_sample'], 'initial_sample');
      const sample = precision === 'f64' ? Float64Array.from(initial) : Float32Array.from(initial);
      const run = runOf(schedule, { sample, noise: noiseOf(content), sign });
      if (precision === 'f64') end = run.samples;
      await compare('model_sigma', () => run.arguments);
      await compare('model_output', () => run.outputs);
      await compare('trajectory', () => run.samples);
    });
    for (const name of Object.keys(expected).filter((field) => !READ_EXPECTED.has(field))) {
      report.unsupported(`${name}.${precision}`, 'this quantity is not known');
    }
  }
  await checkExactFlow(content, { report, end });
}
