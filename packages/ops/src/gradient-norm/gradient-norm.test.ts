import { normalNoise } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory, tensor1d } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { withKernels } from '../kernel/selection.ts';
import { gradientScale, type ClipOptions } from './index.ts';

/** Norm and factor of vectors of these lengths, beside float64's. */
async function compare(lengths: readonly number[], options: (exact: number) => ClipOptions): Promise<void> {
  const before = memory().numTensors;
  const values = lengths.map((length, image) => normalNoise(length, { seed: 3, image }));
  const total = Math.sqrt(values.reduce((sum, part) => part.reduce((squares, x) => squares + x * x, sum), 0));
  const { limit = Infinity, batches = 1 } = options(total);
  const vectors = values.map((part) => tensor1d(part));
  const { norm, factor } = gradientScale(vectors, options(total));
  expect([norm.shape, factor.shape]).toEqual([[], []]);
  expect((await norm.data())[0]! / (total / batches)).toBeCloseTo(1, 6);
  const expected = Math.min(1, limit / (total / batches + 1e-6)) / batches;
  expect((await factor.data())[0]! / expected).toBeCloseTo(1, 6);
  for (const tensor of [...vectors, norm, factor]) tensor.dispose();
  expect(memory().numTensors).toBe(before);
}

async function expectTorch(): Promise<void> {
  await compare([3 * 1024, 1024], (norm) => ({ limit: norm / 4 }));
  await compare([20_001, 7, 1], (norm) => ({ limit: norm / 4 }));
  await compare([1], (norm) => ({ limit: norm * 2 }));
  await compare([5000], () => ({}));
  await compare([300, 9000], (norm) => ({ limit: norm / 10, batches: 3 }));
  await compare([300], () => ({ batches: 4 }));
}

/** Gradients that are zero clip nothing and divide by nothing. */
async function expectZero(): Promise<void> {
  const vector = tensor1d([0, 0]);
  const { norm, factor } = gradientScale([vector], { limit: 1 });
  expect([(await norm.data())[0], (await factor.data())[0]]).toEqual([0, 1]);
  for (const tensor of [vector, norm, factor]) tensor.dispose();
}

describe('the norm is that of all vectors, and clips as torch does', () => {
  test.each(['cpu', 'wasm'] as const)('on %s', async (device) => {
    await bootBackend({ device });
    await expectTorch();
    await expectZero();
  });

  webgpuTest('on WebGPU, with subgroups and without', async () => {
    await bootBackend({ device: 'webgpu' });
    await expectTorch();
    await expectZero();
    await withKernels({ without: ['subgroups'] }, () => compare([20_001, 7], (norm) => ({ limit: norm / 4 })));
  });
});
