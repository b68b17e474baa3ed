import { bootBackend } from '@latte-flow/runtime';
import { clone, memory, reshape, tensor, tidy, variable, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { joinVector, splitVector } from './index.ts';
import { joinVectorWebGPU, splitVectorWebGPU } from './webgpu.ts';

const SHAPES = [[2, 3], [1], [1500], [5, 1, 7], [], [1024], [3], [2049]];
const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const TOTAL = SHAPES.reduce((sum, shape) => sum + count(shape), 0);

const numbers = (length: number, first: number) => Float32Array.from({ length }, (_, i) => first + i);

interface Ways {
  readonly join: (parts: readonly Tensor[], length: number) => Tensor1D;
  readonly split: typeof splitVector;
}

/** Shapes joined and split again, padded by nothing, a little and more than a chunk. */
async function expectInverse({ join, split }: Ways): Promise<void> {
  const before = memory().numTensors;
  for (const padding of [0, 1, 1200]) {
    let first = 1;
    const parts = SHAPES.map((shape) => {
      const part = tensor(numbers(count(shape), first), shape);
      first += count(shape);
      return part;
    });
    // A buffer of the pool that holds something else.
    tensor(numbers(TOTAL + padding, -5e4), [TOTAL + padding]).dispose();
    const vector = join(parts, TOTAL + padding);
    expect(await vector.data()).toEqual(Float32Array.from([...numbers(TOTAL, 1), ...new Float32Array(padding)]));
    const variables = SHAPES.map((shape) => tidy(() => variable(tensor(numbers(count(shape), -1e4), shape), false)));
    split(vector, variables);
    for (const [i, part] of parts.entries()) expect(await variables[i]!.data()).toEqual(await part.data());
    for (const tensor of [...parts, vector, ...variables]) tensor.dispose();
  }
  expect(memory().numTensors).toBe(before);
}

/** Variables written twice, read in between: clones keep what they had, and nothing stale is read. */
async function expectClonesUntouched(): Promise<void> {
  const before = memory().numTensors;
  const weights = tidy(() => variable(tensor([1, 2], [1, 2]), false));
  const [copy, view] = [clone(weights), reshape(weights, [2])];
  const vectors = [tensor([3, 4]), tensor([5, 6])] as Tensor1D[];
  splitVector(vectors[0]!, [weights]);
  expect([...(await weights.data())]).toEqual([3, 4]);
  splitVector(vectors[1]!, [weights]);
  expect([...(await weights.data())]).toEqual([5, 6]);
  expect([...(await copy.data()), ...(await view.data())]).toEqual([1, 2, 1, 2]);
  for (const tensor of [weights, copy, view, ...vectors]) tensor.dispose();
  expect(memory().numTensors).toBe(before);
}

describe('a vector of parameters', () => {
  test.each(['cpu', 'wasm'] as const)('on %s', async (device) => {
    await bootBackend({ device });
    await expectInverse({ join: joinVector, split: splitVector });
    await expectClonesUntouched();
  });

  webgpuTest('on WebGPU, with as many bindings as the device has, and with few', async () => {
    await bootBackend({ device: 'webgpu' });
    await expectInverse({ join: joinVector, split: splitVector });
    for (const buffers of [2, 4, 8]) {
      await expectInverse({
        join: (parts, length) => joinVectorWebGPU(parts, length, buffers),
        split: (vector, variables) => splitVectorWebGPU(vector, variables, buffers),
      });
    }
    await expectClonesUntouched();
  });

  test('parts that do not fit are refused', async () => {
    await bootBackend({ device: 'cpu' });
    const parts = [tensor([1, 2]), tidy(() => variable(tensor([3, 4, 5])))] as const;
    expect(() => joinVector(parts, 4)).toThrow('joinVector: expected the vector of shape [5], got [4]');
    expect(() => splitVector(parts[0] as Tensor1D, [parts[1]])).toThrow('splitVector: expected the vector');
    for (const part of parts) part.dispose();
  });
});
