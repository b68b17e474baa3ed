import { expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { floatArrays } from '../solvers/float-arrays.ts';
import { stepperOf } from '../solvers/stepper.ts';
import type { DiffusersCompat } from './compat.ts';
import { fromDiffusersConfig } from './from-diffusers.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { toDiffusersConfig } from './to-diffusers.ts';

interface Trajectory {
  readonly source: { readonly class: string };
  readonly config: SchedulerConfig;
  readonly compat: DiffusersCompat;
  readonly calls: readonly (readonly ['set_shift', number])[];
  readonly set_timesteps: {
    readonly num_inference_steps?: number;
    readonly sigmas?: readonly number[];
    readonly timesteps?: readonly number[];
    readonly mu?: number;
  };
  readonly begin_index: number;
  readonly step_kwargs: { readonly s_churn?: number; readonly s_noise?: number };
  readonly tolerance: { readonly f64: number; readonly f32: number };
  readonly noise: { readonly draws: readonly unknown[] } | null;
  readonly model: { readonly formula: string; readonly note?: string };
  readonly expected: Readonly<
    Record<
      'f64' | 'f32',
      {
        readonly sigmas: readonly number[] | null;
        readonly timesteps: readonly number[];
        readonly initial_sample: unknown;
        readonly model_sigma: readonly number[];
        readonly trajectory: readonly unknown[];
      }
    >
  >;
}

const formula = 'v(x, sigma) = tanh(1.3*x + 0.5*sigma) - 0.2*x   (elementwise)';
const network = (x: number, sigma: number) => Math.tanh(1.3 * x + 0.5 * sigma) - 0.2 * x;

function scheduleOf({ config, compat, calls, set_timesteps, begin_index, step_kwargs }: Trajectory) {
  const { num_inference_steps: steps, sigmas, timesteps, mu } = set_timesteps;
  const { s_churn: amount, s_noise: noiseScale } = step_kwargs;
  return fromDiffusersConfig(config, { compat }).schedule({
    steps,
    sigmas,
    timesteps,
    mu,
    shift: calls.at(-1)?.[1],
    beginIndex: begin_index,
    churn: amount === undefined ? undefined : { amount, noiseScale },
  });
}

const fixtures = schedulerFixtures<Trajectory>('trajectory');

test.each(fixtures)('$title', ({ content }) => {
  const { source, expected, tolerance, model, noise } = content;
  expect(model.formula).toBe(formula);
  const { sigmas, timesteps, grid, solver, conditioning } = scheduleOf(content);
  const sign = model.note?.includes('-v(') === true ? -1 : 1;
  // Upstream's Heun draws at both of its stages, and uses the first.
  const stride = source.class === 'FlowMatchHeunDiscreteScheduler' ? 2 : 1;
  for (const precision of ['f64', 'f32'] as const) {
    const reference = expected[precision];
    const bound = tolerance[precision];
    if (reference.sigmas !== null) expect(relativeError(sigmas, reference.sigmas)).toBeLessThanOrEqual(bound);
    expect(relativeError(timesteps, reference.timesteps)).toBeLessThanOrEqual(bound);
    const initial = flatNumbers(reference.initial_sample);
    const stepper = stepperOf(solver, {
      arithmetic: floatArrays,
      noise: noise === null ? undefined : (step) => flatNumbers(noise.draws[stride * step]),
    });
    let state = stepper.begin({ ...grid, sample: precision === 'f64' ? initial : Float32Array.from(initial) });
    // One call of upstream's `step()` is one evaluation here.
    for (const [call, after] of reference.trajectory.entries()) {
      const label = `${precision}, call ${call}`;
      const { sigma } = conditioning(state.request!);
      expect(relativeError([sigma], [reference.model_sigma[call]!]), label).toBeLessThanOrEqual(bound);
      state = stepper.advance(
        state,
        state.request!.sample.map((x) => sign * network(x, sigma)),
      );
      const sample = state.request?.sample ?? state.slots.sample;
      expect(relativeError(sample, flatNumbers(after)), label).toBeLessThanOrEqual(bound);
    }
    expect(state.request).toBeUndefined();
  }
});

test.each(fixtures)('$title: the config is complete, and comes back', ({ content }) => {
  const scheduler = fromDiffusersConfig(content.config);
  // Older classes had fewer keys.
  expect(scheduler.config).toMatchObject(content.config);
  expect(toDiffusersConfig(scheduler)).toEqual(scheduler.config);
  expect(scheduler.warnings.filter(({ kind }) => kind !== 'ineffective')).toEqual([]);
});

test('every family has a committed fixture', () => {
  const classes = fixtures.filter(({ title }) => title.startsWith('committed')).map((f) => f.content.source.class);
  expect(classes).toEqual(
    expect.arrayContaining([
      'FlowMatchEulerDiscreteScheduler',
      'FlowMatchHeunDiscreteScheduler',
      'FlowMatchLCMScheduler',
      'FlowMapEulerDiscreteScheduler',
      'LTXEulerAncestralRFScheduler',
      'MiniMaxH3Scheduler',
      'SCMScheduler',
      'SASolverScheduler',
      'UniPCMultistepScheduler',
    ]),
  );
});
