import { normalNoise } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory, scalar, tensor1d, tidy, variable, type Rank, type Variable } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { withKernels } from '../kernel/selection.ts';
import { adamW, movingAverage, type AdamWUpdate } from './index.ts';

interface Number64 {
  weight: number;
  first: number;
  second: number;
  average: number;
}

type Settings = Omit<AdamWUpdate, 'step' | 'factor' | 'decayMask'> & { factor: number; isMasked: boolean };

/** torch.optim.AdamW for one number, in float64, as its documentation writes it, and an average after it. */
function update64(state: Number64, gradient: number, settings: Settings & { step: number; decays: boolean }): void {
  const { learningRate, step, betas, epsilon, weightDecay, decays, factor, averageRate = 0 } = settings;
  const g = gradient * factor;
  if (decays) state.weight *= 1 - learningRate * weightDecay;
  state.first = betas[0] * state.first + (1 - betas[0]) * g;
  state.second = betas[1] * state.second + (1 - betas[1]) * g * g;
  const corrected = state.first / (1 - betas[0] ** step);
  state.weight -= (learningRate * corrected) / (Math.sqrt(state.second / (1 - betas[1] ** step)) + epsilon);
  state.average += averageRate * (state.weight - state.average);
}

const DEFAULTS: Settings = {
  learningRate: 0.02,
  betas: [0.9, 0.98],
  epsilon: 1e-8,
  weightDecay: 0.1,
  averageRate: 0.05,
  factor: 0.7,
  isMasked: false,
};

const decaysAt = (i: number): boolean => i % 3 !== 0;

/** The largest difference from float64 after ten updates of a vector, by state. */
async function worstErrors(settings: Settings, length: number): Promise<Record<keyof Number64, number>> {
  const before = memory().numTensors;
  const start = normalNoise(length, { seed: 1 });
  const make = (values: Float32Array) => tidy(() => variable(tensor1d(values), false)) as Variable<Rank.R1>;
  const state = {
    weights: make(start.slice()),
    firstMoment: make(new Float32Array(length)),
    secondMoment: make(new Float32Array(length)),
    average: make(start.slice()),
  };
  const exact = Array.from(start, (weight): Number64 => ({ weight, first: 0, second: 0, average: weight }));
  for (let step = 1; step <= 10; step++) {
    const learningRate = settings.learningRate * (1 + step / 5);
    const gradient = normalNoise(length, { seed: 2, image: step });
    tidy(() =>
      adamW(state, tensor1d(gradient.slice()), {
        ...settings,
        learningRate,
        step,
        factor: scalar(settings.factor),
        decayMask: settings.isMasked
          ? tensor1d(Float32Array.from({ length }, (_, i) => Number(decaysAt(i))))
          : undefined,
      }),
    );
    exact.forEach((number, i) =>
      update64(number, gradient[i]!, {
        ...settings,
        learningRate,
        step,
        decays: settings.isMasked ? decaysAt(i) : true,
      }),
    );
  }
  const worst = async (vector: Variable, of: keyof Number64) => {
    const values = await vector.data();
    return exact.reduce((most, number, i) => Math.max(most, Math.abs(values[i]! - number[of])), 0);
  };
  const errors = {
    weight: await worst(state.weights, 'weight'),
    first: await worst(state.firstMoment, 'first'),
    second: await worst(state.secondMoment, 'second'),
    average: await worst(state.average, 'average'),
  };
  for (const vector of Object.values(state)) vector.dispose();
  expect(memory().numTensors).toBe(before);
  return errors;
}

const cases: readonly [string, Partial<Settings>, number][] = [
  ['all weights decay', {}, 1030],
  ['a mask says which decay', { isMasked: true }, 1024],
  ['none decays', { weightDecay: 0 }, 7],
  ['epsilon counts', { epsilon: 1e-2, betas: [0.8, 0.999] }, 1],
  ['a large vector', { factor: 1e-3 }, 5000],
];

async function expectExact(): Promise<void> {
  for (const [, settings, length] of cases) {
    const errors = await worstErrors({ ...DEFAULTS, ...settings }, length);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(2e-6);
  }
}

describe('an update is that of float64', () => {
  test.each(['cpu', 'wasm'] as const)('on %s', async (device) => {
    await bootBackend({ device });
    await expectExact();
  });

  webgpuTest('on WebGPU, by the kernel', async () => {
    await bootBackend({ device: 'webgpu' });
    await expectExact();
  });

  webgpuTest('on WebGPU, by the portable definition', async () => {
    await bootBackend({ device: 'webgpu' });
    const portable = await withKernels({ choice: 'portable' }, () => worstErrors(DEFAULTS, 50));
    for (const error of Object.values(portable)) expect(error).toBeLessThan(2e-6);
  });
});

async function averageOnce(): Promise<void> {
  const before = memory().numTensors;
  const average = tidy(() => variable(tensor1d([1, 2, 3]), false)) as Variable<Rank.R1>;
  tidy(() => movingAverage(average, tensor1d([3, 2, -1]), scalar(0.25)));
  expect([...(await average.data())]).toEqual([1.5, 2, 2]);
  // What was read is not kept as the value of what is written afterwards.
  tidy(() => movingAverage(average, tensor1d([3.5, 2, 0]), scalar(0.5)));
  expect([...(await average.data())]).toEqual([2.5, 2, 1]);
  average.dispose();
  expect(memory().numTensors).toBe(before);
}

describe('an average of weights that stay', () => {
  test.each(['cpu', 'wasm'] as const)('on %s', async (device) => {
    await bootBackend({ device });
    await averageOnce();
  });

  webgpuTest('on WebGPU', async () => {
    await bootBackend({ device: 'webgpu' });
    await averageOnce();
  });
});

test('vectors of other lengths are refused', async () => {
  await bootBackend({ device: 'cpu' });
  const make = (length: number) => tidy(() => variable(tensor1d(new Float32Array(length)), false)) as Variable<Rank.R1>;
  const [three, other, longer] = [make(3), make(3), make(4)];
  const settings = { ...DEFAULTS, step: 1, factor: scalar(1) };
  expect(() => adamW({ weights: three, firstMoment: other, secondMoment: longer }, other, settings)).toThrow(
    'secondMoment of shape [3], got [4]',
  );
  expect(() => movingAverage(three, longer, settings.factor)).toThrow('values of shape [3], got [4]');
  for (const tensor of [three, other, longer, settings.factor]) tensor.dispose();
});
