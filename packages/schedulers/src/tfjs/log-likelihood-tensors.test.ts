import { seededStepNoise } from '@latte-flow/core';
import {
  add,
  matMul,
  memory,
  mul,
  reshape,
  setBackend,
  sin,
  sub,
  type Tensor,
  tensor,
  zeros,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { exactDivergence, hutchinsonDivergence } from '../likelihood/divergence.ts';
import { logLikelihood } from '../likelihood/log-likelihood.ts';
import { ancestralEuler } from '../solvers/ancestral-euler.ts';
import { dopri5 } from '../solvers/dopri5.ts';
import { rk4 } from '../solvers/rk4.ts';
import { logLikelihoodTensors, type LogLikelihoodTensors } from './log-likelihood-tensors.ts';

beforeAll(async () => {
  await import('@tensorflow/tfjs-backend-cpu');
  await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  await setBackend('cpu');
});

const values = Float32Array.from([0.5, -1.25, 2, -0.75, 0.1, 1.5, 0.4, -0.2]);
const times = [1, 0.75, 0.5, 0.25, 0];
/** v = sin(x W + t), rows of four as [2, 2]; W is the same on the host. */
const W = [0.3, -0.2, 0.5, 0.1, 0.4, 0.2, -0.6, 0.3, -0.1, 0.7, 0.2, -0.3, 0.5, 0.1, -0.4, 0.6];
const velocity = (x: Tensor, t: number) =>
  reshape(sin(add(matMul(reshape(x, [-1, 4]), tensor(W, [4, 4])), t)), x.shape);
const at = (x: ArrayLike<number>, t: number, i: number) =>
  t + [0, 1, 2, 3].reduce((sum, k) => sum + x[i - (i % 4) + k]! * W[4 * k + (i % 4)]!, 0);
const hostVelocity = (x: ArrayLike<number>, t: number) => Float64Array.from(x, (_, i) => Math.sin(at(x, t, i)));
const hostProduct = (c: Float64Array, { sample: x, node: t }: { sample: ArrayLike<number>; node: number }) =>
  c.map((_, i) =>
    [0, 1, 2, 3].reduce((sum, k) => {
      const j = i - (i % 4) + k;
      return sum + c[j]! * Math.cos(at(x, t, j)) * W[4 * (i % 4) + k]!;
    }, 0),
  );

const disposeAll = ({ sample, logLikelihood: total, logPrior, divergenceIntegral }: LogLikelihoodTensors) =>
  [sample, total, logPrior, divergenceIntegral].forEach((result) => result.dispose());

describe('log likelihood of tensors', () => {
  const noise = seededStepNoise({ seed: 5 });
  test.each([
    { name: 'exact', solver: rk4(), divergence: 'exact' as const, host: exactDivergence(hostProduct) },
    {
      name: 'Hutchinson, adaptive',
      solver: dopri5({ rtol: 1e-4, atol: 1e-4 }),
      divergence: { noise, probes: 2 },
      host: hutchinsonDivergence(hostProduct, { noise, probes: 2 }),
    },
  ])('$name: gives the numbers of the arrays, and leaks nothing', async ({ solver, divergence, host }) => {
    const before = memory().numTensors;
    const sample = tensor(values, [2, 2, 2]);
    const result = await logLikelihoodTensors(solver, { sample, velocity, divergence, times });
    expect(memory().numTensors - before).toBe(5);
    const expected = await logLikelihood(solver, {
      sample: values,
      batch: 2,
      velocity: hostVelocity,
      divergence: host,
      times,
    });
    expect(result.sample.shape).toEqual([2, 2, 2]);
    for (const name of ['sample', 'logLikelihood', 'logPrior', 'divergenceIntegral'] as const) {
      const data = await result[name].data();
      expect(data.length).toBe(expected[name].length);
      expected[name].forEach((value, i) => expect(data[i], name).toBeCloseTo(value, 4));
    }
    expect(result.evaluations).toBe(expected.evaluations);
    expect(await sample.data()).toEqual(values);
    disposeAll(result);
    sample.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('takes a prior of the caller', async () => {
    const sample = tensor(values, [2, 4]);
    const given = tensor([1, 2]);
    const run = { sample, velocity, divergence: 'exact' as const, times };
    const before = memory().numTensors;
    const result = await logLikelihoodTensors(rk4(), { ...run, logPrior: () => given });
    expect(await result.logPrior.data()).toEqual(Float32Array.from([1, 2]));
    expect(await result.logLikelihood.data()).toEqual(
      (await result.divergenceIntegral.data()).map((value, i) => value + i + 1),
    );
    disposeAll(result);
    expect(memory().numTensors).toBe(before);
    expect(given.isDisposed).toBe(false);
    given.dispose();
    sample.dispose();
  });

  test('leaks nothing when the velocity or the prior throws, has the wrong shape, or the run is aborted', async () => {
    const sample = tensor(values, [2, 4]);
    const run = { sample, velocity, divergence: { noise }, times };
    const controller = new AbortController();
    const failing =
      (when: number, fail: () => Tensor) =>
      (x: Tensor, t: number, { step }: { step: number }) =>
        step === when ? fail() : velocity(x, t);
    const thrown = failing(2, () => {
      throw new Error('no velocity');
    });
    const before = memory().numTensors;
    await expect(logLikelihoodTensors(rk4(), { ...run, velocity: thrown })).rejects.toThrow('no velocity');
    const misshapen = failing(1, () => zeros([4, 2]));
    await expect(logLikelihoodTensors(rk4(), { ...run, velocity: misshapen })).rejects.toMatchObject({
      code: 'shape-mismatch',
    });
    await expect(logLikelihoodTensors(rk4(), { ...run, logPrior: (x) => mul(x, 2) })).rejects.toMatchObject({
      code: 'shape-mismatch',
    });
    const { signal } = controller;
    const aborting = (x: Tensor, t: number) => {
      controller.abort();
      return velocity(x, t);
    };
    await expect(logLikelihoodTensors(rk4(), { ...run, velocity: aborting, signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await expect(logLikelihoodTensors(rk4(), { ...run, times: [0, 1] })).rejects.toThrow(/Reverse the grid/);
    await expect(logLikelihoodTensors(ancestralEuler(), run)).rejects.toThrow(/a deterministic solver/);
    expect(memory().numTensors).toBe(before);
    sample.dispose();
  });

  test('is exact for a field with a constant divergence', async () => {
    const sample = tensor(values, [8, 1]);
    const result = await logLikelihoodTensors(rk4(), {
      sample,
      velocity: (x, t) => sub(mul(x, -0.5), t),
      divergence: 'exact',
      times: [1, 0],
    });
    (await result.divergenceIntegral.data()).forEach((value) => expect(value).toBeCloseTo(0.5, 6));
    disposeAll(result);
    sample.dispose();
  });
});
