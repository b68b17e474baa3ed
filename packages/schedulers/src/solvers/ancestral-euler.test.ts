import { seededStepNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { relativeError } from '../../../../tooling/test/scheduler-fixtures.ts';
import { gaussianFlow, momentsOfRun } from '../testing/gaussian-flow.ts';
import { ancestralEuler } from './ancestral-euler.ts';
import { euler } from './euler.ts';
import type { FloatArray } from '../arrays/float-array.ts';
import { integrate } from './integrate.ts';

const velocity = (x: FloatArray, time: number) => x.map((value) => Math.tanh(1.3 * value + 0.5 * time) - 0.2 * value);
const sample = new Float64Array([0.5, -1.25, 2, -0.75]);
const noise = seededStepNoise({ seed: 2 });
const uniform = (steps: number, end = 1) => Array.from({ length: steps + 1 }, (_, i) => (end * i) / steps);

test.each([0.3, 1])('keeps the distribution of the flow at eta %f, weak order 1', async (eta) => {
  const flow = gaussianFlow({ mean: 1.5, std: 0.4 });
  const solver = ancestralEuler({ eta });
  expect(solver.order).toBe(1);
  const errorAt = async (steps: number) => {
    const run = await momentsOfRun(solver, { times: uniform(steps, 0.8), flow });
    const exact = flow.momentsAt(0.8);
    return Math.hypot(run.mean - exact.mean, run.variance - exact.variance);
  };
  const [coarse, fine] = [await errorAt(200), await errorAt(400)];
  expect(fine).toBeLessThan(0.01);
  expect(Math.log2(coarse / fine)).toBeGreaterThan(0.9);
});

describe('reductions', () => {
  test('at eta 0 it is Euler and needs no noise', async () => {
    expect(ancestralEuler({ eta: 0 }).stochastic).toBe(false);
    const start = { times: uniform(6), sample, velocity };
    const ancestral = await integrate(ancestralEuler({ eta: 0 }), start);
    expect(relativeError(ancestral.sample, (await integrate(euler(), start)).sample)).toBeLessThan(1e-15);
  });

  test('without noise at eta 1 it is Euler to the lower sigma t^2 / s', async () => {
    expect(ancestralEuler({ noiseScale: 0 }).stochastic).toBe(false);
    const run = await integrate(ancestralEuler({ noiseScale: 0 }), { sigmas: [0.8, 0.4], sample, velocity });
    const lower = await integrate(euler(), { sigmas: [0.8, 0.2], sample, velocity });
    expect(relativeError(run.sample, lower.sample)).toBeLessThan(1e-15);
  });

  test('the step to the data is Euler and draws nothing', async () => {
    const drawn: number[] = [];
    const counting = (step: number, length: number) => {
      drawn.push(step);
      return noise(step, length);
    };
    await integrate(ancestralEuler(), { times: uniform(4), sample, velocity, noise: counting });
    expect(drawn).toEqual([0, 1, 2]);
  });

  test('on times does what it does on sigmas', async () => {
    const up = await integrate(ancestralEuler({ eta: 0.6, noiseScale: 1.1 }), {
      times: uniform(5),
      sample,
      velocity,
      noise,
    });
    const down = await integrate(ancestralEuler({ eta: 0.6, noiseScale: 1.1 }), {
      sigmas: uniform(5).map((time) => 1 - time),
      sample,
      noise,
      velocity: (x, sigma) => velocity(x, 1 - sigma).map((value) => -value),
    });
    expect(relativeError(down.sample, up.sample)).toBeLessThan(1e-13);
  });
});

test('refuses negative options and a grid towards the noise', async () => {
  expect(() => ancestralEuler({ eta: -1 })).toThrow(/ancestralEuler: expected eta to be a finite number >= 0, got -1/);
  expect(() => ancestralEuler({ noiseScale: Number.NaN })).toThrow(/noiseScale to be a finite number >= 0, got NaN/);
  const run = integrate(ancestralEuler(), { times: [1, 0], sample, velocity, noise });
  await expect(run).rejects.toThrow(/a grid from noise to data/);
});
