import { LatteFlowError, uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { timesOfSigmas } from '../paths/time-convention.ts';
import { uniformSigmas } from '../sigmas/uniform.ts';
import { distance, runOver, samplesOver, silence, smoothField, smoothStart } from '../testing/smooth-flow.ts';
import { deis } from './deis.ts';
import { dpmSolverMultistep } from './dpm-solver-multistep.ts';
import { dpmSolverSinglestep } from './dpm-solver-singlestep.ts';
import { euler } from './euler.ts';
import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from './float-arrays.ts';
import { integrate } from './integrate.ts';
import { rk4 } from './rk4.ts';
import { saSolver } from './sa-solver.ts';
import type { Solver } from './solver.ts';
import { type NoiseSource, stepperOf } from './stepper.ts';
import { uniPC } from './uni-pc.ts';

const quiet = () => 0;

const odeSolvers: readonly Solver[] = [1, 2, 3].flatMap((order) => [
  dpmSolverMultistep({ order }),
  dpmSolverMultistep({ order, solverType: 'heun' }),
  dpmSolverSinglestep({ order }),
  dpmSolverSinglestep({ order, solverType: 'heun' }),
  uniPC({ order }),
  uniPC({ order, solverType: 'bh1' }),
  uniPC({ order, disableCorrector: true }),
  deis({ order }),
]);
const noisySolvers: readonly Solver[] = [1, 2, 3].flatMap((order) => [
  dpmSolverMultistep({ order, stochastic: true }),
  dpmSolverSinglestep({ order, stochastic: true }),
  saSolver({ predictorOrder: order, correctorOrder: order }),
]);

describe('identities', () => {
  const grid = [0.95, 0.9, 0.7, 0.65, 0.4, 0.2, 0.05];

  test('order 1 is Euler, also at both singular ends', async () => {
    const firsts = odeSolvers.filter(({ order }) => order === 1);
    expect(firsts.length).toBeGreaterThanOrEqual(6);
    for (const sigmas of [grid, uniformSigmas(5), uniformSigmas(5).toReversed()]) {
      for (const solver of firsts)
        expect(distance(await runOver(solver, sigmas), await runOver(euler(), sigmas))).toBeLessThan(1e-14);
    }
  });

  test.each<[string, Solver, Solver]>([
    ['UniP 2 bh2 is 2M midpoint', uniPC({ disableCorrector: true }), dpmSolverMultistep()],
    [
      'UniP 3 is 3M exact',
      uniPC({ order: 3, disableCorrector: true }),
      dpmSolverMultistep({ order: 3, exactThirdOrder: true }),
    ],
    ['SA without noise is UniPC bh1', saSolver({ correctorOrder: 3, tau: quiet }), uniPC({ solverType: 'bh1' })],
    [
      'all steps named is no corrector',
      uniPC({ disableCorrector: [0, 1, 2, 3, 4, 5] }),
      uniPC({ disableCorrector: true }),
    ],
  ])('%s', async (_, a, b) => {
    for (const sigmas of [grid, uniformSigmas(6)])
      expect(distance(await runOver(a, sigmas), await runOver(b, sigmas))).toBeLessThan(1e-13);
  });

  test('times with dx/dt do what sigmas with dx/dsigma do', async () => {
    for (const solver of [...odeSolvers, ...noisySolvers]) {
      const noise: NoiseSource = (step, length) => uniformNoise(length, { seed: step });
      const sigmas = uniformSigmas(8);
      const expected = await runOver(solver, sigmas, { noise });
      const velocity = (x: FloatArray, time: number) => x.map((value) => -smoothField(value, 1 - time));
      const { sample } = await integrate(solver, {
        times: timesOfSigmas(sigmas),
        sample: smoothStart,
        velocity,
        noise,
      });
      expect(distance(sample, expected), solver.name).toBeLessThan(1e-13);
    }
  });
});

describe('from noise to data and back', () => {
  const exact = runOver(rk4(), uniformSigmas(500));

  test('every order and number of steps gives finite numbers, more steps better ones', async () => {
    for (const solver of odeSolvers) {
      for (const n of [1, 2, 3, 4, 5, 14, 15, 16, 50]) {
        const error = distance(await runOver(solver, uniformSigmas(n)), await exact);
        expect(error, `${solver.name} ${n}`).toBeLessThan(
          n < 14 ? 0.5 : n < 50 ? 0.02 : solver.order === 1 ? 0.005 : 0.001,
        );
      }
    }
    for (const solver of noisySolvers) {
      for (const n of [1, 2, 3, 4, 5, 14, 15, 16, 50]) {
        expect((await runOver(solver, uniformSigmas(n))).every((value) => Math.abs(value) < 3)).toBe(true);
      }
    }
  });

  test('inversion returns to the smoothStart, with the order', async () => {
    for (const solver of odeSolvers) {
      const errors = [];
      for (const n of [32, 128]) {
        const data = await runOver(solver, uniformSigmas(n));
        errors.push(distance(await runOver(solver, uniformSigmas(n).toReversed(), { sample: data }), smoothStart));
      }
      const least = solver.order === 1 ? 0.95 : 1.5;
      expect(Math.log2(errors[0]! / errors[1]!) / 2, `${solver.name} ${solver.order}`).toBeGreaterThan(least);
    }
  });

  test('the last step to the data is the data prediction, whatever the options', async () => {
    for (const options of [
      { solverType: 'bh1' },
      { lowerOrderFinal: false },
      { order: 3, lowerOrderFinal: false },
    ] as const) {
      const samples = samplesOver(uniPC(options), [0.9, 0.6, 0.3, 0], { field: smoothField, sample: 0.8 });
      expect(samples[3]).toBeCloseTo(samples[2]! - 0.3 * smoothField(samples[2]!, 0.3), 14);
    }
  });

  test('a history that begins at pure noise begins with its second node', async () => {
    for (const solver of [dpmSolverMultistep(), dpmSolverSinglestep(), deis(), uniPC({ disableCorrector: true })]) {
      const eulers = samplesOver(euler(), [1, 0.8, 0.6, 0.3], { field: smoothField, sample: 0.8 });
      const samples = samplesOver(solver, [1, 0.8, 0.6, 0.3], { field: smoothField, sample: 0.8 });
      expect(samples[2]).toBeCloseTo(eulers[2]!, 14);
    }
  });
});

describe('bad input', () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      'order',
      () => dpmSolverMultistep({ order: 4 }),
      /dpmSolverMultistep: expected order to be an integer in \[1, 3\], got 4/,
    ],
    ['order', () => deis({ order: 0 }), /deis: expected order/],
    ['order', () => uniPC({ order: 1.5 }), /uniPC: expected order/],
    ['order', () => saSolver({ correctorOrder: 5 }), /saSolver: expected correctorOrder .* in \[1, 4\], got 5/],
    [
      'solver type',
      () => uniPC({ solverType: 'bh3' as 'bh2' }),
      /uniPC: expected solverType to be one of bh1, bh2, got "bh3"/,
    ],
    [
      'solver type',
      () => dpmSolverSinglestep({ solverType: 'rk' as 'heun' }),
      /dpmSolverSinglestep: expected solverType/,
    ],
    ['sign', () => dpmSolverMultistep({ sde3Sign: '-' as 'upstream' }), /sde3Sign to be one of corrected, upstream/],
    [
      'two forms',
      () => dpmSolverMultistep({ sde3Sign: 'upstream', exactThirdOrder: true }),
      /one form of order 3.* Leave one/,
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(LatteFlowError);
    expect(make).toThrow(message);
  });

  test('noise, and against the noise', async () => {
    for (const solver of noisySolvers) {
      await expect(runOver(solver, [0.2, 0.5])).rejects.toThrow(
        /expected a grid from noise to data, got a step from sigma 0.2 to 0.5/,
      );
      const velocity = (x: FloatArray) => x;
      await expect(integrate(solver, { sigmas: [1, 0], sample: smoothStart, velocity })).rejects.toThrow(
        /expected noise/,
      );
    }
  });

  test('tau below 0', async () => {
    await expect(runOver(saSolver({ tau: () => -1 }), [1, 0.5, 0])).rejects.toThrow(
      /tau\(sigma\) to be a finite number >= 0, got -1/,
    );
  });

  test('orders of another grid', async () => {
    await expect(runOver(dpmSolverSinglestep({ orders: [1] }), [1, 0.5, 0])).rejects.toThrow(
      /orders\[1\] to be an integer in \[1, 2\], got undefined/,
    );
  });

  test('the slots of a run are gone at its end', async () => {
    for (const solver of [...odeSolvers, ...noisySolvers]) {
      const stepper = stepperOf(solver, { arithmetic: floatArrays, noise: silence });
      let state = stepper.begin({ sigmas: uniformSigmas(4), sample: smoothStart });
      while (state.request !== undefined) state = stepper.advance(state, state.request.sample);
      expect(Object.keys(state.slots)).toEqual(['sample']);
    }
  });
});
