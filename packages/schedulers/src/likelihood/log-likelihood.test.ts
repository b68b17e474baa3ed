import { normalNoise, seededStepNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { ancestralEuler } from '../solvers/ancestral-euler.ts';
import { dopri5 } from '../solvers/dopri5.ts';
import { euler } from '../solvers/euler.ts';
import { integrate } from '../solvers/integrate.ts';
import { rk4 } from '../solvers/rk4.ts';
import { exactDivergence, hutchinsonDivergence, type VectorJacobianProduct } from './divergence.ts';
import { logLikelihood } from './log-likelihood.ts';
import { standardNormalLogDensity } from './standard-normal.ts';

const backwards = (steps: number) => Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps);
const accurate = dopri5({ rtol: 1e-11, atol: 1e-12 });

/** dx/dt = A x of rows of three, with an A that is not symmetric. */
const A = [
  [0.4, -0.3, 0.1],
  [0.2, -0.5, 0.6],
  [-0.7, 0.1, 0.3],
];
const trace = A[0]![0]! + A[1]![1]! + A[2]![2]!;
const linear = (x: ArrayLike<number>) =>
  Float64Array.from(x, (_, i) => A[i % 3]!.reduce((sum, a, j) => sum + a * x[i - (i % 3) + j]!, 0));
const linearProduct: VectorJacobianProduct = (cotangent) =>
  cotangent.map((_, i) => A.reduce((sum, row, j) => sum + row[i % 3]! * cotangent[i - (i % 3) + j]!, 0));

/** A coupled, curved field of rows of two: v = (sin(x1 + t), x0 x1 cos t). */
const curved = (x: ArrayLike<number>, t: number) =>
  Float64Array.from(x, (_, i) => (i % 2 === 0 ? Math.sin(x[i + 1]! + t) : x[i - 1]! * x[i]! * Math.cos(t)));
const curvedProduct: VectorJacobianProduct = (c, { sample: x, node: t }) =>
  Float64Array.from(c, (_, i) =>
    i % 2 === 0
      ? c[i + 1]! * x[i + 1]! * Math.cos(t)
      : c[i - 1]! * Math.cos(x[i]! + t) + c[i]! * x[i - 1]! * Math.cos(t),
  );

describe('log likelihood', () => {
  test('of a linear flow is the closed form', async () => {
    // x_0 = exp(-A) x_1, so log p(x_1) = log N(exp(-A) x_1; 0, I) - tr A.
    const sample = Float64Array.from([0.5, -1, 0.2, 1.5, 0.3, -0.7]);
    const run = { sample, batch: 2, velocity: linear, times: [1, 0], divergence: exactDivergence(linearProduct) };
    const result = await logLikelihood(accurate, run);
    let term = Float64Array.from(sample);
    const start = Float64Array.from(sample);
    for (let k = 1; k < 30; k++) {
      term = linear(term).map((value) => -value / k);
      term.forEach((value, i) => (start[i]! += value));
    }
    expect(relativeError(result.sample, start)).toBeLessThan(1e-10);
    const prior = standardNormalLogDensity(start, { batch: 2 });
    expect(
      relativeError(
        result.logLikelihood,
        prior.map((value) => value - trace),
      ),
    ).toBeLessThan(1e-10);
    expect(relativeError(result.logPrior, prior)).toBeLessThan(1e-10);
    expect(result.divergenceIntegral[0]).toBeCloseTo(-trace, 12);
    expect(result.accepted).toBeGreaterThan(1);
  });

  test('matches the determinant of the numeric Jacobian of the flow', async () => {
    const sample = Float64Array.from([0.3, -0.4, -0.8, 0.6]);
    const run = { velocity: curved, times: backwards(64) };
    const result = await logLikelihood(rk4(), { ...run, sample, batch: 2, divergence: exactDivergence(curvedProduct) });
    const flow = async (start: Float64Array) => (await integrate(rk4(), { ...run, sample: start })).sample;
    for (const row of [0, 1]) {
      const point = sample.slice(2 * row, 2 * row + 2);
      const columns = await Promise.all(
        [0, 1].map(async (j) => {
          const shifted = (by: number) => point.map((value, i) => value + (i === j ? by : 0));
          const [up, down] = [await flow(shifted(1e-5)), await flow(shifted(-1e-5))];
          return up.map((value, i) => (value - down[i]!) / 2e-5);
        }),
      );
      const determinant = columns[0]![0]! * columns[1]![1]! - columns[1]![0]! * columns[0]![1]!;
      expect(result.divergenceIntegral[row]).toBeCloseTo(Math.log(Math.abs(determinant)), 7);
    }
  });

  test("Hutchinson's estimate is unbiased over seeds, the same within a run, and exact on a diagonal Jacobian", async () => {
    const sample = Float64Array.from([0.5, -1, 0.2]);
    const estimates = await Promise.all(
      Array.from({ length: 400 }, async (_, seed) => {
        const divergence = hutchinsonDivergence(linearProduct, { noise: seededStepNoise({ seed }) });
        const run = { sample, velocity: linear, times: [1, 0.5, 0], divergence };
        return (await logLikelihood(euler(), run)).divergenceIntegral[0]!;
      }),
    );
    const mean = estimates.reduce((sum, value) => sum + value, 0) / estimates.length;
    const variance = estimates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (estimates.length - 1);
    // Rademacher: var = sum over i < j of (A_ij + A_ji)^2.
    const expected = (0.2 - 0.3) ** 2 + (0.1 - 0.7) ** 2 + (0.6 + 0.1) ** 2;
    expect(Math.abs(mean + trace)).toBeLessThan(4 * Math.sqrt(expected / estimates.length));
    expect(variance / expected).toBeGreaterThan(0.7);
    expect(variance / expected).toBeLessThan(1.3);

    let drawn = 0;
    const noise = (probe: number, length: number) => {
      drawn++;
      return normalNoise(length, { seed: 3, image: probe });
    };
    const diagonal = hutchinsonDivergence((c) => c.map((value, i) => value * (i + 1)), { noise, probes: 2 });
    const run = { sample, velocity: (x: ArrayLike<number>) => Float64Array.from(x), times: backwards(5) };
    const { divergenceIntegral } = await logLikelihood(euler(), { ...run, divergence: diagonal });
    expect(divergenceIntegral[0]).toBeCloseTo(-6, 12);
    expect(drawn).toBe(2);
  });

  test('keeps the kind of the sample, and lets a model reuse its buffer for velocity and product', async () => {
    const buffer = new Float64Array(3);
    const reusing = (values: ArrayLike<number>) => {
      buffer.set(values);
      return buffer;
    };
    const run = { sample: Float32Array.from([0.5, -1, 0.2]), times: backwards(8) };
    const fresh = { ...run, velocity: linear, divergence: exactDivergence(linearProduct) };
    const reused = {
      ...run,
      velocity: (x: ArrayLike<number>) => reusing(linear(x)),
      divergence: exactDivergence(async (c, point) => reusing(await linearProduct(c, point))),
    };
    const result = await logLikelihood(rk4(), reused);
    expect(result).toEqual(await logLikelihood(rk4(), fresh));
    expect(result.sample).toBeInstanceOf(Float32Array);
  });

  test('refuses a grid towards the data, a stochastic solver, a bad batch, and lengths that differ', async () => {
    const sample = new Float64Array(3);
    const base = { sample, velocity: linear, times: [1, 0], divergence: exactDivergence(linearProduct) };
    await expect(logLikelihood(euler(), { ...base, times: [0, 1] })).rejects.toThrow(
      /logLikelihood: expected times that run from the data to the noise, got 0 to 1. Reverse the grid/,
    );
    await expect(logLikelihood(euler(), { ...base, times: undefined, sigmas: [1, 0] })).rejects.toThrow(
      /sigmas that run/,
    );
    await expect(logLikelihood(ancestralEuler(), base)).rejects.toThrow(/a deterministic solver, got/);
    await expect(logLikelihood(euler(), { ...base, batch: 2 })).rejects.toThrow(
      /the length of sample \/ batch to be an integer >= 1, got 1\.5/,
    );
    const shorter = exactDivergence(() => new Float64Array(2));
    await expect(logLikelihood(euler(), { ...base, divergence: shorter })).rejects.toMatchObject({
      code: 'shape-mismatch',
    });
    await expect(logLikelihood(euler(), { ...base, divergence: () => () => [1, 2] })).rejects.toThrow(/the divergence/);
    await expect(logLikelihood(euler(), { ...base, velocity: () => new Float64Array(4) })).rejects.toThrow(
      /the velocity/,
    );
    expect(() => hutchinsonDivergence(linearProduct, { noise: () => [], probes: 0 })).toThrow(
      /probes to be an integer/,
    );
  });
});

interface Fixture {
  readonly log_likelihood: Record<'x_data' | 'x_source' | 'log_p0' | 'divergence_integral' | 'log_p1', unknown>;
}

test.each(schedulerFixtures<Fixture>('ode_reference'))('$title: log likelihood', async ({ content }) => {
  const expected = content.log_likelihood;
  const result = await logLikelihood(accurate, {
    sample: flatNumbers(expected.x_data),
    batch: (expected.x_data as unknown[]).length,
    velocity: (x, sigma) => x.map((value) => Math.tanh(1.3 * value + 0.5 * sigma) - 0.2 * value),
    divergence: exactDivergence((cotangent, { sample, node }) =>
      cotangent.map((c, i) => c * (1.3 * (1 - Math.tanh(1.3 * sample[i]! + 0.5 * node) ** 2) - 0.2)),
    ),
    sigmas: [0, 1],
  });
  expect(relativeError(result.sample, flatNumbers(expected.x_source))).toBeLessThan(1e-10);
  expect(relativeError(result.logPrior, flatNumbers(expected.log_p0))).toBeLessThan(1e-10);
  expect(relativeError(result.divergenceIntegral, flatNumbers(expected.divergence_integral))).toBeLessThan(1e-10);
  expect(relativeError(result.logLikelihood, flatNumbers(expected.log_p1))).toBeLessThan(1e-10);
});
