import { seededStepNoise, uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { relativeError } from '../../../../tooling/test/scheduler-fixtures.ts';
import { euler } from './euler.ts';
import { flowMapEuler } from './flow-map-euler.ts';
import type { FloatArray } from '../arrays/float-array.ts';
import { integrate } from './integrate.ts';
import { lcm } from './lcm.ts';
import { scm } from './scm.ts';

const velocity = (x: FloatArray, sigma: number) => x.map((value) => Math.tanh(1.3 * value + 0.5 * sigma) - 0.2 * value);
const sample = new Float64Array([0.5, -1.25, 2, -0.75]);
const noise = seededStepNoise({ seed: 9 });

/** A descending grid from 1 to 0 with seeded nodes in between. */
function randomGrid(seed: number): number[] {
  const inner = [...uniformNoise(6, { seed })].sort((a, b) => b - a);
  return [1, ...inner, 0];
}

describe('lcm', () => {
  test('in one step is Euler', async () => {
    const start = { sigmas: [1, 0], sample, velocity, noise };
    const { sample: end, evaluations } = await integrate(lcm(), start);
    expect(relativeError(end, (await integrate(euler(), start)).sample)).toBeLessThan(1e-15);
    expect(evaluations).toBe(1);
  });

  test('draws the true data in any number of steps if the velocity points at it, and every marginal on the way', async () => {
    const data = new Float64Array([0.3, -0.8, 1.1, 0]);
    // v = (x - data) / sigma is the velocity of a path that ends in one picture.
    const towards = (x: FloatArray, sigma: number) => x.map((value, i) => (value - data[i]!) / sigma);
    for (let seed = 0; seed < 20; seed++) {
      const sigmas = randomGrid(seed);
      const end = await integrate(lcm(), { sigmas, sample, noise, velocity: towards });
      expect(relativeError(end.sample, data)).toBeLessThan(1e-13);
      const half = await integrate(lcm(), { sigmas: sigmas.slice(0, 4), sample, noise, velocity: towards });
      const expected = data.map((value, i) => (1 - sigmas[3]!) * value + sigmas[3]! * noise(2, 4)[i]!);
      expect(relativeError(half.sample, expected)).toBeLessThan(1e-13);
    }
  });

  test('on times does what it does on sigmas, and draws once in every step, the last one too', async () => {
    const drawn: number[] = [];
    const counting = (step: number, length: number) => {
      drawn.push(step);
      return noise(step, length);
    };
    const sigmas = randomGrid(3);
    const times = sigmas.map((sigma) => 1 - sigma);
    const down = await integrate(lcm(), { sigmas, sample, velocity, noise: counting });
    expect(drawn).toEqual(sigmas.slice(1).map((_, step) => step));
    const up = await integrate(lcm(), {
      times,
      sample,
      noise,
      velocity: (x, t) => velocity(x, 1 - t).map((value) => -value),
    });
    expect(relativeError(up.sample, down.sample)).toBeLessThan(1e-14);
  });
});

describe('scm', () => {
  const sigmaData = 0.5;

  test('draws the true data in any number of steps, with the noise at sigmaData', async () => {
    const data = new Float64Array([0.3, -0.8, 1.1, 0]);
    // x = cos(angle) data + sin(angle) z, so dx/dangle = (cos(angle) x - data) / sin(angle).
    const towards = (x: FloatArray, angle: number) =>
      x.map((value, i) => (Math.cos(angle) * value - data[i]!) / Math.sin(angle));
    for (let seed = 0; seed < 20; seed++) {
      const angles = randomGrid(seed).map((node) => (node * Math.PI) / 2);
      const end = await integrate(scm({ sigmaData }), { angles, sample, noise, velocity: towards });
      expect(relativeError(end.sample, data)).toBeLessThan(1e-13);
      const half = await integrate(scm({ sigmaData }), {
        angles: angles.slice(0, 4),
        sample,
        noise,
        velocity: towards,
      });
      const expected = data.map(
        (value, i) => Math.cos(angles[3]!) * value + Math.sin(angles[3]!) * sigmaData * noise(2, 4)[i]!,
      );
      expect(relativeError(half.sample, expected)).toBeLessThan(1e-13);
    }
  });

  test.each([
    [{ sigmas: [1, 0] }, /scm: expected a grid of angles, got sigmas/],
    [{ times: [0, 1] }, /a grid of angles, got times/],
    [{ angles: [0, 1.5] }, /a grid from noise to data, got a step from angle 0 to 1.5/],
  ])('refuses %o', async (grid, message) => {
    await expect(integrate(scm(), { ...grid, sample, velocity, noise })).rejects.toThrow(message);
  });

  test('refuses a negative sigmaData', () => {
    expect(() => scm({ sigmaData: -1 })).toThrow(/scm: expected sigmaData to be a finite number >= 0, got -1/);
  });
});

test('lcm refuses angles, and a grid towards the noise', async () => {
  await expect(integrate(lcm(), { angles: [1.5, 0], sample, velocity, noise })).rejects.toThrow(/got angles/);
  const message = /lcm: expected a grid from noise to data, got a step from sigma 0 to 1\. Reverse/;
  await expect(integrate(lcm(), { sigmas: [0, 1], sample, velocity, noise })).rejects.toThrow(message);
  await expect(integrate(lcm(), { sigmas: [1, 0], sample, velocity })).rejects.toThrow(/noise for the stochastic/);
});

describe('flowMapEuler', () => {
  /** dx/dsigma = k x; its flow map's mean velocity from s to t is x (exp(k (t - s)) - 1) / (t - s). */
  const k = 1.7;
  const flowMap = (x: FloatArray, s: number, { target }: { readonly target: number }) =>
    x.map((value) => (value * Math.expm1(k * (target - s))) / (target - s));

  test('is exact in any number of steps for an exact flow map, forwards and backwards', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const sigmas = randomGrid(seed);
      const down = await integrate(flowMapEuler(), { sigmas, sample, velocity: flowMap });
      const exact = sample.map((value) => value * Math.exp(-k));
      expect(relativeError(down.sample, exact)).toBeLessThan(1e-13);
      const back = await integrate(flowMapEuler(), {
        sigmas: sigmas.toReversed(),
        sample: down.sample,
        velocity: flowMap,
      });
      expect(relativeError(back.sample, sample)).toBeLessThan(1e-13);
    }
  });

  test('is Euler for a network that looks at the node alone', async () => {
    const start = { sigmas: randomGrid(1), sample, velocity };
    expect(await integrate(flowMapEuler(), start)).toEqual(await integrate(euler(), start));
    expect(flowMapEuler().name).toBe('flow-map-euler');
  });
});

test("MiniMax-H3's step r x + (1 - r) x0, r = t / s, is Euler's on times", async () => {
  const sigmas = randomGrid(5);
  const dataWard = (x: FloatArray, time: number) => velocity(x, 1 - time).map((value) => -value);
  let x = sample;
  sigmas.slice(1).forEach((t, i) => {
    const s = sigmas[i]!;
    const towards = dataWard(x, 1 - s);
    x = x.map((value, j) => (t / s) * value + (1 - t / s) * (value + s * towards[j]!));
  });
  const times = sigmas.map((sigma) => 1 - sigma);
  const run = await integrate(euler(), { times, sample, velocity: dataWard });
  expect(relativeError(run.sample, x)).toBeLessThan(1e-14);
});
