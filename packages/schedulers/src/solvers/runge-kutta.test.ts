import { uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { bosh3 } from './bosh3.ts';
import { dop853 } from './dop853.ts';
import { dopri5 } from './dopri5.ts';
import { euler } from './euler.ts';
import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from './float-arrays.ts';
import { heun } from './heun.ts';
import { integrate } from './integrate.ts';
import { midpoint } from './midpoint.ts';
import { rk4 } from './rk4.ts';
import { rk4ThreeEighths } from './rk4-three-eighths.ts';
import { sigmaView } from './sigma-view.ts';
import { stepOf } from './solver.ts';
import { type Evaluation, stepperOf } from './stepper.ts';

const fixed = { adaptive: false } as const;
/** Each with as many steps as it takes for rounding not to show. */
const methods = [
  { solver: euler(), order: 1, stages: 1, steps: 1024 },
  { solver: midpoint(), order: 2, stages: 2, steps: 512 },
  { solver: heun(), order: 2, stages: 2, steps: 512 },
  { solver: bosh3(fixed), order: 3, stages: 3, steps: 256 },
  { solver: rk4(), order: 4, stages: 4, steps: 64 },
  { solver: rk4ThreeEighths(), order: 4, stages: 4, steps: 64 },
  { solver: dopri5(fixed), order: 5, stages: 6, steps: 32 },
  { solver: dop853(fixed), order: 8, stages: 12, steps: 8 },
];
const uniform = (steps: number) => Array.from({ length: steps + 1 }, (_, i) => i / steps);

/** dx/dt = -2 (t + 0.3) x^2: linear neither in x nor in t, with a known solution. */
const velocity = (x: FloatArray, t: number) => x.map((value) => -2 * (t + 0.3) * value ** 2);
const exact = (x: number) => 1 / (1 / x + 1.3 ** 2 - 0.3 ** 2);
const curved = (x: FloatArray, t: number) => x.map((value) => Math.tanh(1.3 * value + 0.5 * t) - 0.2 * value);

describe('fixed steps', () => {
  test.each(methods)(
    '$solver.name has order $order, with $stages evaluations a step',
    async ({ solver, order, stages, steps }) => {
      const errorAt = async (count: number) => {
        const sample = new Float64Array([1, 0.5]);
        const result = await integrate(solver, { times: uniform(count), sample, velocity });
        expect(result).toMatchObject({ evaluations: stages * count, accepted: count, rejected: 0 });
        return Math.max(...result.sample.map((value, i) => Math.abs(value - exact(sample[i]!))));
      };
      const observed = Math.log2((await errorAt(steps)) / (await errorAt(2 * steps)));
      expect(solver.order).toBe(order);
      expect(Math.abs(observed - order)).toBeLessThan(order > 4 ? 0.3 : 0.1);
    },
  );

  test.each(methods)(
    '$solver.name leads back to the start with the error of its order, in every convention',
    async ({ solver, order }) => {
      for (let seed = 0; seed < 4; seed++) {
        const sample = Float64Array.from(uniformNoise(5, { seed }), (u) => 3 * u - 1.5);
        const name = (['times', 'sigmas', 'angles'] as const)[seed % 3]!;
        const errorAt = async (count: number) => {
          const nodes = uniform(count);
          const there = await integrate(solver, { [name]: nodes, sample, velocity: curved });
          const back = await integrate(solver, { [name]: nodes.toReversed(), sample: there.sample, velocity: curved });
          return relativeError(back.sample, sample);
        };
        // The error of the way there and that of the way back cancel to a leading order.
        const coarse = await errorAt(8);
        expect(coarse).toBeLessThan(2 * 8 ** -order);
        expect(await errorAt(16)).toBeLessThan(Math.max(coarse * 2 ** (0.5 - order), 1e-14));
      }
    },
  );

  test('a tableau is exact for polynomials up to its order', async () => {
    for (const { solver, order } of methods) {
      const power = Math.min(order - 1, 6);
      const { sample } = await integrate(solver, {
        times: [0.2, 0.9],
        sample: new Float64Array(1),
        velocity: (_, t) => Float64Array.of((power + 1) * t ** power),
      });
      expect(sample[0], solver.name).toBeCloseTo(0.9 ** (power + 1) - 0.2 ** (power + 1), 14);
    }
  });
});

describe('a step', () => {
  test('says which node it leads to, at every stage', async () => {
    const asked: Pick<Evaluation<unknown>, 'step' | 'stage' | 'node' | 'target'>[] = [];
    await integrate(midpoint(), {
      sigmas: [1, 0.6, 0],
      sample: new Float64Array(1),
      velocity(x, node, { step, stage, target }) {
        asked.push({ step, stage, node, target });
        return x;
      },
    });
    expect(asked).toEqual([
      { step: 0, stage: 0, node: 1, target: 0.6 },
      { step: 0, stage: 1, node: 0.8, target: 0.6 },
      { step: 1, stage: 0, node: 0.6, target: 0 },
      { step: 1, stage: 1, node: 0.3, target: 0 },
    ]);
  });

  test('takes angles up to a little above pi/2, which no solver in sigmas reads', async () => {
    // x = cos(angle) data + sin(angle) noise, so that dx/dangle takes it to the data.
    const [data, noise] = [0.7, -1.1];
    const { sample } = await integrate(dopri5({ rtol: 1e-9, atol: 1e-9 }), {
      angles: [1.5708, 1.3, 0],
      sample: Float64Array.of(Math.cos(1.5708) * data + Math.sin(1.5708) * noise),
      velocity: (_, angle) => Float64Array.of(-Math.sin(angle) * data + Math.cos(angle) * noise),
    });
    expect(sample[0]).toBeCloseTo(data, 8);
    const run = { sample: new Float64Array(1), velocity };
    await expect(integrate(euler(), { ...run, angles: [1.6, 0] })).rejects.toThrow(
      /angles\[0\] to be in \[0, 1\.5709\], got 1\.6/,
    );
    expect(() => sigmaView({ grid: { convention: 'angle', nodes: [1.5, 0] } })).toThrow(
      /a grid of sigmas or times, got angles/,
    );
  });

  test('is refused where the grid has none', () => {
    const grid = { convention: 'time', nodes: [0, 0.5, 1] } as const;
    expect(stepOf(grid, 1)).toMatchObject({ index: 1, count: 2, start: 0.5, end: 1, memory: {} });
    for (const index of [-1, 2, 0.5, Number.NaN]) {
      expect(() => stepOf(grid, index)).toThrow(/stepOf: expected index to be an integer in \[0, 1\], got/);
    }
    const stepper = stepperOf(rk4(), { arithmetic: floatArrays });
    const state = stepper.begin({ times: [0, 1], sample: new Float64Array(1) });
    expect(() => stepper.advance({ ...state, step: 7 }, new Float64Array(1))).toThrow(
      /index to be an integer in \[0, 0\], got 7/,
    );
  });
});

interface Fixture {
  readonly initial_sample: unknown;
  readonly fixed_step: { readonly methods: Readonly<Record<string, { trajectory: unknown[]; nfe: number }>> };
}

test.each(schedulerFixtures<Fixture>('ode_reference'))('$title: the solvers by their names', async ({ content }) => {
  const named = {
    euler: euler(),
    midpoint: midpoint(),
    heun2: heun(),
    bosh3: bosh3(fixed),
    rk4_classic: rk4(),
    rk4_38: rk4ThreeEighths(),
    dopri5: dopri5(fixed),
  };
  for (const [name, solver] of Object.entries(named)) {
    const { trajectory, nfe } = content.fixed_step.methods[name]!;
    const steps = trajectory.length - 1;
    const result = await integrate(solver, {
      sigmas: uniform(steps).toReversed(),
      sample: flatNumbers(content.initial_sample),
      velocity: curved,
    });
    expect(relativeError(result.sample, flatNumbers(trajectory.at(-1))), name).toBeLessThan(1e-13);
    expect(result.evaluations).toBe(nfe);
  }
});
