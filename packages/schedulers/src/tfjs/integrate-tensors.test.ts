import { add, memory, mul, ones, setBackend, type Tensor, tensor, tidy, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { classifierFreeGuidance } from '../guidance/classifier-free.ts';
import { uniformSigmas } from '../sigmas/uniform.ts';
import { bosh3 } from '../solvers/bosh3.ts';
import { dopri5 } from '../solvers/dopri5.ts';
import { dpmSolverSinglestep } from '../solvers/dpm-solver-singlestep.ts';
import { euler } from '../solvers/euler.ts';
import { heun } from '../solvers/heun.ts';
import { integrate } from '../solvers/integrate.ts';
import { saSolver } from '../solvers/sa-solver.ts';
import type { Solver } from '../solvers/solver.ts';
import { uniPC } from '../solvers/uni-pc.ts';
import { guideTensors } from './guide-tensors.ts';
import { integrateTensors } from './integrate-tensors.ts';

beforeAll(async () => {
  await import('@tensorflow/tfjs-backend-cpu');
  await setBackend('cpu');
});

const values = Float32Array.from([0.5, -1.25, 2, -0.75, 0.1, 1.5]);
const velocity = (x: Tensor, sigma: number) => tidy(() => add(mul(x, 0.7), sigma));
const stochastic: Solver = {
  name: 'noisy',
  order: 1,
  stochastic: true,
  plan: ({ start, end }) => [
    { kind: 'evaluate', node: start, sample: { sample: 1 }, into: 'velocity' },
    { kind: 'draw', into: 'noise' },
    { kind: 'store', slots: { sample: { sample: 1, velocity: end - start, noise: end } } },
  ],
};
const noise = (step: number, length: number) => Float32Array.from({ length }, (_, i) => Math.sin(1 + step + i));

/** What a run leaves behind on the backend: must be the result and nothing else. */
async function leftBehind(run: () => Promise<{ sample: Tensor }>): Promise<number> {
  const before = memory().numTensors;
  await run().then(
    ({ sample }) => sample.dispose(),
    () => undefined,
  );
  return memory().numTensors - before;
}

describe('tensors', () => {
  test.each([
    euler(),
    heun(),
    dpmSolverSinglestep({ order: 3, solverType: 'heun' }),
    uniPC({ order: 3 }),
    saSolver({ predictorOrder: 3, correctorOrder: 3 }),
    stochastic,
  ])('$name gives the numbers of the typed arrays, and leaks nothing', async (solver) => {
    const before = memory().numTensors;
    const sample = tensor(values, [2, 1, 3]);
    const result = await integrateTensors(solver, { sigmas: uniformSigmas(5), sample, velocity, noise });
    expect(result.sample.shape).toEqual([2, 1, 3]);
    expect(memory().numTensors - before).toBe(2);
    const host = await integrate(solver, {
      sigmas: uniformSigmas(5),
      sample: values,
      noise,
      velocity: (x, sigma) => x.map((value) => 0.7 * value + sigma),
    });
    expect(result.evaluations).toBe(host.evaluations);
    const data = await result.sample.data();
    host.sample.forEach((value, i) => expect(data[i]).toBeCloseTo(value, 5));
    expect(await sample.data()).toEqual(values);
    result.sample.dispose();
    sample.dispose();
  });

  test.each([bosh3({ rtol: 1e-4, atol: 1e-6 }), dopri5({ rtol: 1e-4, atol: 1e-6 })])(
    'adaptive $name takes the steps of the typed arrays, rejected ones too, reads one number a try and leaks nothing',
    async (solver) => {
      const sample = tensor(values, [2, 3]);
      const times = [0, 0.5, 1];
      // Fast at one place, so that the step there is tried in vain first.
      const burst = (t: number) => 40 * Math.exp(-(((t - 0.3) / 0.06) ** 2));
      const before = memory().numTensors;
      const result = await integrateTensors(solver, {
        times,
        sample,
        velocity: (x, t) => tidy(() => add(mul(x, 0.7), burst(t))),
      });
      expect(memory().numTensors - before).toBe(1);
      const host = await integrate(solver, {
        times,
        sample: values,
        velocity: (x, t) => x.map((v) => 0.7 * v + burst(t)),
      });
      expect(host.rejected).toBeGreaterThan(1);
      const { evaluations, accepted, rejected } = host;
      expect(result).toMatchObject({ evaluations, accepted, rejected });
      const data = await result.sample.data();
      host.sample.forEach((value, i) => expect(data[i]).toBeCloseTo(value, 4));
      result.sample.dispose();
      for (const when of [1, 7, 20]) {
        for (const kind of ['throw', 'abort', 'misshapen']) {
          let calls = 0;
          const controller = new AbortController();
          const failing = (x: Tensor, t: number) => {
            if (++calls === when && kind === 'throw') throw new Error('no velocity');
            if (calls === when && kind === 'abort') controller.abort();
            return calls === when && kind === 'misshapen' ? zeros([3]) : tidy(() => add(mul(x, 0.7), burst(t)));
          };
          const run = integrateTensors(solver, { times, sample, velocity: failing, signal: controller.signal });
          await expect(run).rejects.toBeDefined();
          expect(memory().numTensors, `${kind} at ${when}`).toBe(before);
        }
      }
      await expect(integrateTensors(solver, { times, sample, velocity: (x) => mul(x, Number.NaN) })).rejects.toThrow(
        /NaN/,
      );
      expect(memory().numTensors).toBe(before);
      sample.dispose();
    },
  );

  test('a velocity may return the sample that it was given', async () => {
    const sample = tensor(values);
    const run = () => integrateTensors(heun(), { times: [0, 0.5, 1], sample, velocity: (x) => x });
    expect(await leftBehind(run)).toBe(0);
    expect(sample.isDisposed).toBe(false);
    sample.dispose();
  });

  test('leaks nothing when the velocity throws, has the wrong shape, or the run is aborted', async () => {
    const sample = tensor(values);
    const base = { times: [0, 0.25, 0.5, 0.75, 1], sample };
    const failing = (fail: (step: number, stage: number) => Tensor | undefined) => () =>
      integrateTensors(heun(), { ...base, velocity: (x, t, { step, stage }) => fail(step, stage) ?? velocity(x, t) });

    const thrown = failing((step, stage) => {
      if (step === 2 && stage === 1) throw new Error('no velocity');
      return undefined;
    });
    await expect(thrown()).rejects.toThrow('no velocity');
    expect(await leftBehind(thrown)).toBe(0);

    const misshapen = failing((step) => (step === 1 ? zeros([2, 3]) : undefined));
    expect(await leftBehind(misshapen)).toBe(0);
    await expect(misshapen()).rejects.toMatchObject({ code: 'shape-mismatch' });
    expect(await leftBehind(failing((step) => (step === 1 ? ones([6], 'int32') : undefined)))).toBe(0);

    for (const when of [0, 3]) {
      const controller = new AbortController();
      const aborted = () =>
        integrateTensors(heun(), {
          ...base,
          signal: controller.signal,
          velocity(x, t, { step }) {
            if (step === when) controller.abort();
            return velocity(x, t);
          },
        });
      expect(await leftBehind(aborted)).toBe(0);
      await expect(aborted()).rejects.toBe(controller.signal.reason);
    }
    sample.dispose();
  });

  test('refuses a bad grid or sample without a trace', async () => {
    const sample = tensor(values);
    expect(await leftBehind(() => integrateTensors(euler(), { times: [0, 0], sample, velocity }))).toBe(0);
    await expect(integrateTensors(euler(), { times: [0, 1], sample: values as never, velocity })).rejects.toThrow(
      /sample to be a float32 tensor/,
    );
    sample.dispose();
  });
});

test('guided tensors are new ones', async () => {
  const conditional = tensor([1, 2]);
  const unguided = tensor([0, 4]);
  const before = memory().numTensors;
  const guided = guideTensors(classifierFreeGuidance(3), { conditional, null: unguided });
  expect([...(await guided.data())]).toEqual([3, -2]);
  const alone = guideTensors(classifierFreeGuidance(1), { conditional });
  expect(memory().numTensors - before).toBe(2);
  alone.dispose();
  expect(conditional.isDisposed).toBe(false);
});
