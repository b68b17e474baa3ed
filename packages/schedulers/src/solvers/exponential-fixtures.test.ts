import { expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { heldTerminal } from '../diffusers/held-terminal.ts';
import { deis } from './deis.ts';
import { dpmSolverMultistep } from './dpm-solver-multistep.ts';
import { dpmSolverSinglestep, singlestepOrders } from './dpm-solver-singlestep.ts';
import { type FloatArray, floatArrays } from './float-arrays.ts';
import { saSolver } from './sa-solver.ts';
import type { Solver } from './solver.ts';
import { stepperOf } from './stepper.ts';
import { uniPC } from './uni-pc.ts';

interface Config {
  readonly solver_order: number;
  readonly solver_type: string;
  readonly algorithm_type: string;
  readonly lower_order_final: boolean;
  readonly euler_at_final?: boolean;
  readonly disable_corrector?: readonly number[];
  readonly predictor_order: number;
  readonly corrector_order: number;
}

interface Trajectory {
  readonly source: { readonly class: string };
  readonly config: Config;
  readonly compat: { readonly sde3Sign?: 'upstream' | 'corrected' };
  readonly begin_index: number;
  readonly tolerance: { readonly f64: number; readonly f32: number };
  readonly noise: { readonly draws: readonly unknown[] } | null;
  readonly model: { readonly formula: string };
  readonly expected: Readonly<
    Record<'f64' | 'f32', { readonly sigmas: readonly number[]; initial_sample: unknown; trajectory: unknown[] }>
  >;
}

const formula = 'v(x, sigma) = tanh(1.3*x + 0.5*sigma) - 0.2*x   (elementwise)';
const model = (x: number, sigma: number) => Math.tanh(1.3 * x + 0.5 * sigma) - 0.2 * x;

/** Upstream's tau where the config has none: 1 at integer timesteps from 200 to 800. */
const upstreamTau = (sigma: number) => Number(Math.trunc(1000 * sigma) >= 200 && Math.trunc(1000 * sigma) <= 800);

/** The solver of a fixture, by its class. */
const solvers: Readonly<Record<string, (fixture: Trajectory, sigmas: readonly number[]) => Solver>> = {
  DPMSolverMultistepScheduler: ({ config, compat }, sigmas) =>
    dpmSolverMultistep({
      order: config.solver_order,
      solverType: config.solver_type === 'heun' ? 'heun' : 'midpoint',
      stochastic: config.algorithm_type === 'sde-dpmsolver++',
      lowerOrderFinal: lowered(config, sigmas),
      eulerAtFinal: config.euler_at_final,
      sde3Sign: compat.sde3Sign,
    }),
  DPMSolverSinglestepScheduler: ({ config, compat, begin_index }, sigmas) => {
    const pattern = singlestepOrders(sigmas.length - 1, {
      order: config.solver_order,
      lowered: config.lower_order_final,
      zeroFinal: sigmas.at(-1) === 0,
    });
    return dpmSolverSinglestep({
      order: config.solver_order,
      solverType: config.solver_type === 'heun' ? 'heun' : 'midpoint',
      stochastic: config.algorithm_type === 'sde-dpmsolver++',
      sde3Sign: compat.sde3Sign,
      orders: pattern.slice(begin_index),
    });
  },
  UniPCMultistepScheduler: ({ config, begin_index }) =>
    uniPC({
      order: config.solver_order,
      solverType: config.solver_type === 'bh1' ? 'bh1' : 'bh2',
      disableCorrector: config.disable_corrector?.map((index) => index - begin_index),
      lowerOrderFinal: config.lower_order_final,
    }),
  DEISMultistepScheduler: ({ config }, sigmas) =>
    deis({
      order: config.solver_order,
      lowerOrderFinal: lowered(config, sigmas),
    }),
  SASolverScheduler: ({ config }) =>
    saSolver({
      predictorOrder: config.predictor_order,
      correctorOrder: config.corrector_order,
      tau: upstreamTau,
      lowerOrderFinal: config.lower_order_final,
    }),
};

/** Upstream's condition, on the length of the whole schedule even where `begin_index` cuts it. */
const lowered = ({ lower_order_final }: Config, sigmas: readonly number[]) => lower_order_final && sigmas.length < 16;

const fixtures = schedulerFixtures<Trajectory>('trajectory').filter(({ content }) => content.source.class in solvers);

test('fixtures of these solvers are committed', () => {
  expect(fixtures.some(({ title }) => title.startsWith('committed'))).toBe(true);
});

test.each(fixtures)('$title', ({ content }) => {
  expect(content.model.formula).toBe(formula);
  for (const precision of ['f64', 'f32'] as const) {
    const { sigmas, initial_sample, trajectory } = content.expected[precision];
    const plain = solvers[content.source.class]!(content, sigmas);
    const solver = sigmas.at(-1) === sigmas.at(-2) ? heldTerminal(plain) : plain;
    const initial = flatNumbers(initial_sample);
    const draws = content.noise?.draws;
    const stepper = stepperOf(solver, {
      arithmetic: floatArrays,
      noise: draws && ((step) => flatNumbers(draws[step])),
    });
    const nodes = sigmas.slice(content.begin_index).filter((sigma, i, all) => sigma !== all[i - 1]);
    const samples: FloatArray[] = [];
    const sample = precision === 'f64' ? initial : Float32Array.from(initial);
    let state = nodes.length === 1 ? undefined : stepper.begin({ sigmas: nodes, sample });
    while (state?.request !== undefined) {
      const { sample: point, node } = state.request;
      state = stepper.advance(
        state,
        point.map((x) => model(x, node)),
      );
      samples.push(state.request?.sample ?? state.slots.sample);
    }
    while (samples.length < trajectory.length) samples.push(samples.at(-1) ?? sample);
    trajectory.forEach((expected, i) => {
      const error = relativeError(samples[i]!, flatNumbers(expected));
      expect(error, `${precision}, step ${i}`).toBeLessThanOrEqual(content.tolerance[precision]);
    });
  }
});
