import { expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { ancestralEuler } from './ancestral-euler.ts';
import { euler } from './euler.ts';
import { flowMapEuler } from './flow-map-euler.ts';
import { type FloatArray, floatArrays } from './float-arrays.ts';
import type { GridOption } from './grid.ts';
import { heun } from './heun.ts';
import { lcm } from './lcm.ts';
import { explicitRungeKutta } from './runge-kutta.ts';
import { scm } from './scm.ts';
import type { Solver } from './solver.ts';
import { type NoiseSource, stepperOf } from './stepper.ts';

interface Expected {
  /** Absent where the grid is of angles, which are the timesteps. */
  readonly sigmas: readonly number[] | null;
  readonly timesteps: readonly number[];
  readonly initial_sample: unknown;
  readonly trajectory: readonly unknown[];
}

interface Trajectory {
  readonly source: { readonly class: string };
  readonly config: {
    readonly stochastic_sampling?: boolean;
    readonly sigma_data?: number;
    readonly eta?: number;
    readonly s_noise?: number;
  };
  readonly step_kwargs: {
    readonly s_churn?: number;
    readonly s_tmin?: number;
    readonly s_tmax?: number;
    readonly s_noise?: number;
  };
  readonly begin_index: number;
  readonly tolerance: { readonly f64: number; readonly f32: number };
  readonly noise: { readonly draws: readonly unknown[] } | null;
  readonly model: { readonly formula: string };
  readonly expected: { readonly f64: Expected; readonly f32: Expected };
}

const formula = 'v(x, sigma) = tanh(1.3*x + 0.5*sigma) - 0.2*x   (elementwise)';
const model = (x: number, sigma: number) => Math.tanh(1.3 * x + 0.5 * sigma) - 0.2 * x;

/** The solver of a fixture, or undefined if this package does not have it. */
function solverOf({ source, config, step_kwargs: kwargs }: Trajectory): Solver | undefined {
  switch (source.class) {
    case 'FlowMatchEulerDiscreteScheduler':
      return config.stochastic_sampling === true ? lcm() : euler();
    case 'FlowMatchLCMScheduler':
      return lcm();
    case 'FlowMapEulerDiscreteScheduler':
      return flowMapEuler();
    case 'MiniMaxH3Scheduler':
      return euler();
    case 'SCMScheduler':
      return scm({ sigmaData: config.sigma_data });
    case 'LTXEulerAncestralRFScheduler':
      return ancestralEuler({ eta: config.eta, noiseScale: config.s_noise });
    case 'FlowMatchHeunDiscreteScheduler': {
      const { s_churn: amount = 0, s_tmin: min, s_tmax: max, s_noise: noiseScale } = kwargs;
      return heun({ eulerAtFinal: true, churn: { amount, min, max, noiseScale } });
    }
    default:
      return undefined;
  }
}

/** The fixture's draws in order; upstream's Heun draws at both of its stages, and uses the first. */
function drawsOf({ source, noise }: Trajectory): (() => Float64Array) | undefined {
  const drawn = noise?.draws.values();
  const unused = source.class === 'FlowMatchHeunDiscreteScheduler';
  return (
    drawn &&
    (() => {
      const next = flatNumbers(drawn.next().value);
      if (unused) drawn.next();
      return next;
    })
  );
}

/** The sample after each evaluation, as upstream's `step()` returns it. */
function trajectoryOf(solver: Solver, start: GridOption & { sample: FloatArray; noise?: NoiseSource }) {
  const { noise, ...begin } = start;
  const stepper = stepperOf(solver, { arithmetic: floatArrays, noise });
  const samples: FloatArray[] = [];
  let state = stepper.begin(begin);
  while (state.request !== undefined) {
    const { sample, node } = state.request;
    state = stepper.advance(
      state,
      sample.map((x) => model(x, node)),
    );
    samples.push(state.request?.sample ?? state.slots.sample);
  }
  return { samples, evaluations: state.evaluations };
}

/** Those of the exponential integrators are in exponential-fixtures.test.ts. */
const elsewhere = /^(DPMSolver|UniPC|DEIS|SASolver)/;
const fixtures = schedulerFixtures<Trajectory>('trajectory').filter(
  ({ content }) => !elsewhere.test(content.source.class),
);
const unknown = fixtures.filter(({ content }) => solverOf(content) === undefined);

test.skip.each(unknown)('$title: no such solver yet', () => undefined);

test('every committed trajectory is of a known solver', () => {
  expect(unknown.filter(({ title }) => title.startsWith('committed'))).toEqual([]);
});

test.each(fixtures.filter((fixture) => !unknown.includes(fixture)))('$title', ({ content }) => {
  const solver = solverOf(content)!;
  expect(content.model.formula).toBe(formula);
  for (const precision of ['f64', 'f32'] as const) {
    const { sigmas, timesteps, initial_sample, trajectory } = content.expected[precision];
    const initial = flatNumbers(initial_sample);
    const { samples, evaluations } = trajectoryOf(solver, {
      // Heun's grid comes with its inner nodes doubled, one entry a model call.
      ...(sigmas === null
        ? { angles: timesteps }
        : { sigmas: sigmas.slice(content.begin_index).filter((sigma, i, all) => sigma !== all[i - 1]) }),
      sample: precision === 'f64' ? initial : Float32Array.from(initial),
      noise: drawsOf(content),
    });
    expect(evaluations).toBe(trajectory.length);
    trajectory.forEach((expected, i) => {
      expect(relativeError(samples[i]!, flatNumbers(expected)), `${precision}, call ${i}`).toBeLessThanOrEqual(
        content.tolerance[precision],
      );
    });
  }
});

interface OdeReference {
  readonly initial_sample: unknown;
  readonly fixed_step: {
    readonly methods: Readonly<
      Record<string, { c: number[]; a: number[][]; b: number[]; nfe: number; trajectory: unknown[] }>
    >;
  };
}

test.each(schedulerFixtures<OdeReference>('ode_reference'))('$title: fixed steps', async ({ content }) => {
  const { methods } = content.fixed_step;
  expect(Object.keys(methods)).toEqual(expect.arrayContaining(['euler', 'heun2', 'rk4_classic']));
  for (const [name, method] of Object.entries(methods)) {
    const tableau = { name, order: 0, nodes: method.c, coefficients: method.a, weights: method.b };
    const named: Record<string, Solver> = { euler: euler(), heun2: heun() };
    for (const solver of [named[name], explicitRungeKutta(tableau)]) {
      if (solver === undefined) continue;
      const steps = method.trajectory.length - 1;
      const { samples, evaluations } = trajectoryOf(solver, {
        sigmas: Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps),
        sample: flatNumbers(content.initial_sample),
      });
      expect(evaluations).toBe(method.nfe);
      method.trajectory.slice(1).forEach((expected, i) => {
        const after = samples[(i + 1) * (evaluations / steps) - 1]!;
        expect(relativeError(after, flatNumbers(expected)), `${name}, step ${i}`).toBeLessThanOrEqual(1e-12);
      });
    }
  }
});
