import { seededStepNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { relativeError } from '../../../../tooling/test/scheduler-fixtures.ts';
import { gaussianFlow, momentsOfRun } from '../testing/gaussian-flow.ts';
import type { Churn } from './churn.ts';
import type { FloatArray } from '../arrays/float-array.ts';
import { heun } from './heun.ts';
import { integrate } from './integrate.ts';

const velocity = (x: FloatArray, sigma: number) => x.map((value) => Math.tanh(1.3 * value + 0.5 * sigma) - 0.2 * value);
const sample = new Float64Array([0.5, -1.25, 2, -0.75]);
const noise = seededStepNoise({ seed: 6 });
const uniform = (steps: number, end = 1) => Array.from({ length: steps + 1 }, (_, i) => (end * i) / steps);
const sigmas = uniform(6).toReversed();

describe('the distribution after churn', () => {
  const flow = gaussianFlow({ mean: 1.5, std: 0.4 });
  const errorAt = async (evaluateAt: Churn['evaluateAt'], steps: number) => {
    const run = await momentsOfRun(heun({ churn: { amount: 4, evaluateAt } }), { times: uniform(steps, 0.8), flow });
    const exact = flow.momentsAt(0.8);
    return Math.hypot(run.mean - exact.mean, run.variance - exact.variance);
  };

  test('is that of the flow at sigma-hat, weak order 2', async () => {
    const [coarse, fine] = [await errorAt('sigma-hat', 100), await errorAt('sigma-hat', 200)];
    expect(fine).toBeLessThan(1e-4);
    expect(Math.log2(coarse / fine)).toBeGreaterThan(1.9);
  });

  test('stays away from that of the flow the way upstream churns, however many steps', async () => {
    const [coarse, fine] = [await errorAt('sigma', 100), await errorAt('sigma', 200)];
    expect(fine).toBeGreaterThan(0.05);
    expect(Math.abs(Math.log2(coarse / fine))).toBeLessThan(0.1);
  });
});

test.each(['sigma', 'sigma-hat'] as const)('at %s: no churn is plain Heun', async (evaluateAt) => {
  for (const eulerAtFinal of [false, true]) {
    const plain = await integrate(heun({ eulerAtFinal }), { sigmas, sample, velocity });
    const none = heun({ eulerAtFinal, churn: { amount: 0, evaluateAt } });
    expect(none.stochastic).toBe(false);
    expect(await integrate(none, { sigmas, sample, velocity })).toEqual(plain);
    const outside = heun({ eulerAtFinal, churn: { amount: 1, min: 0.51, max: 0.65, evaluateAt } });
    expect(outside.stochastic).toBe(true);
    expect(await integrate(outside, { sigmas, sample, velocity, noise })).toEqual(plain);
  }
});

test.each(['sigma', 'sigma-hat'] as const)('at %s: on times does what it does on sigmas', async (evaluateAt) => {
  const solver = heun({ churn: { amount: 2, noiseScale: 1.01, evaluateAt } });
  const down = await integrate(solver, { sigmas, sample, velocity, noise });
  const up = await integrate(solver, {
    times: sigmas.map((sigma) => 1 - sigma),
    sample,
    noise,
    velocity: (x, t) => velocity(x, 1 - t).map((value) => -value),
  });
  expect(relativeError(up.sample, down.sample)).toBeLessThan(1e-14);
});

test('churns the sigmas between min and max, evaluates inside [0, 1], and divides the amount by the calls', async () => {
  const drawn: number[] = [];
  const nodes: number[] = [];
  await integrate(heun({ churn: { amount: 100, min: 0.4, calls: 1, evaluateAt: 'sigma-hat' } }), {
    sigmas: [1, 0.9, 0.5, 0.3, 0],
    sample,
    velocity(x, node) {
      nodes.push(node);
      return velocity(x, node);
    },
    noise(step, length) {
      drawn.push(step);
      return noise(step, length);
    },
  });
  expect(drawn).toEqual([1, 2]);
  // The amount is cut at sqrt(2) - 1, and sigma-hat at pure noise.
  expect(nodes).toEqual([1, 0.9, 1, 0.5, 0.5 * Math.SQRT2, 0.3, 0.3, 0]);
  const run = (churn: Churn) => integrate(heun({ churn }), { sigmas, sample, velocity, noise });
  expect(await run({ amount: 1 })).toEqual(await run({ amount: 2, calls: 22 }));
});

test.each<[Churn, RegExp]>([
  [{ amount: -1 }, /heun: expected churn.amount to be a finite number >= 0, got -1/],
  [{ amount: 1, max: Number.NaN }, /churn.max to be a finite number/],
  [{ amount: 1, evaluateAt: 'hat' as never }, /churn.evaluateAt to be one of sigma, sigma-hat, got "hat"/],
])('refuses %o', (churn, message) => {
  expect(() => heun({ churn })).toThrow(message);
});

test('refuses a grid towards the noise, and angles', async () => {
  const solver = heun({ churn: { amount: 1 } });
  const towardsNoise = integrate(solver, { sigmas: [0, 1], sample, velocity, noise });
  await expect(towardsNoise).rejects.toThrow(/heun: expected a grid from noise to data/);
  await expect(integrate(solver, { angles: [1, 0], sample, velocity, noise })).rejects.toThrow(/got angles/);
});
