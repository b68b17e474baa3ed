import { memory, tensor1d, variableGrads, type Scalar, sum, mul } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { bootBackend, ParameterStore, TensorOwner } from './node.ts';

const entry = (name: string, shape: number[]) =>
  [name, { shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5) }] as const;

describe('bootBackend', () => {
  test.each(['cpu', 'wasm'] as const)('boots %s with gradients', async (device) => {
    const booted = await bootBackend({ device });
    expect(booted).toEqual({ device, description: device, warnings: [] });
    const store = ParameterStore.upload([entry('w', [3])], { where: 'test', trainable: true });
    const { value, grads } = variableGrads(() => sum(mul(store.get('w'), tensor1d([1, 2, 3]))) as Scalar);
    expect(await value.data()).toEqual(new Float32Array([3]));
    expect(await Object.values(grads)[0]!.data()).toEqual(new Float32Array([1, 2, 3]));
  });

  test('refuses a device it does not know, before any work', async () => {
    await expect(bootBackend({ device: 'tpu' as 'cpu' })).rejects.toThrow(
      'bootBackend: expected device to be one of auto, webgpu, wasm, cpu, got "tpu"',
    );
  });

  test('throws the reason of an aborted signal', async () => {
    const signal = AbortSignal.abort();
    await expect(bootBackend({ device: 'cpu', signal })).rejects.toBe(signal.reason);
  });
});

describe('ParameterStore', () => {
  let before = 0;
  beforeEach(() => {
    before = memory().numTensors;
  });
  afterEach(() => expect(memory().numTensors).toBe(before));

  test('gives tensors by name and by scope, and counts bytes', () => {
    using store = ParameterStore.upload([entry('a.b.weight', [2, 3]), entry('c', [4])], { where: 'test' });
    expect(store.get('a.b.weight').shape).toEqual([2, 3]);
    expect(store.scope('a').scope('b').get('weight')).toBe(store.get('a.b.weight'));
    expect(store.scope('a').has('b.bias')).toBe(false);
    expect(store.bytes).toBe(40);
    expect(() => store.get('nowhere')).toThrow('expected a parameter named nowhere');
    expect(() => store.variables()).toThrow('expected trainable parameters');
  });

  test.each([
    [[entry('a', [2])], 'expected a tensor named b'],
    [[entry('a', [2]), entry('b', [4])], 'expected b of shape [3], got [4]'],
    [[entry('a', [2]), entry('b', [3]), entry('c', [1])], 'got also c'],
    [[['a', { shape: [3], values: new Float32Array(2) }]] as never, 'expected a to have 3 values, got 2'],
  ])('refuses weights that disagree with the config (%#)', (entries, message) => {
    const expected = new Map([
      ['a', [2]],
      ['b', [3]],
    ]);
    expect(() => ParameterStore.upload(entries, { where: 'load', expected })).toThrow(message);
  });

  test('dispose is idempotent and use after it throws', () => {
    const store = ParameterStore.upload([entry('a', [2])], { where: 'test', trainable: true });
    store.dispose();
    store.dispose();
    expect(() => store.get('a')).toThrow('expected a model in use');
  });
});

test('TensorOwner disposes of what it still owns', () => {
  const before = memory().numTensors;
  let released;
  {
    using owner = new TensorOwner();
    let state = owner.own(tensor1d([1]));
    state = owner.replace(state, tensor1d([2]));
    owner.own(tensor1d([3]));
    released = owner.release(state);
  }
  expect(memory().numTensors).toBe(before + 1);
  released.dispose();
});
