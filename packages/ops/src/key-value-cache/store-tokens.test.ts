import { bootBackend } from '@latte-flow/runtime';
import { dispose, fill, memory, tensor, tensor1d, type Tensor } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { storeTokens } from './index.ts';

const [B, G, N, C, E] = [2, 3, 2, 5, 7];
const numbered = (first: number): Tensor =>
  tensor(
    Float32Array.from({ length: B * G * N * E }, (_, i) => first + i),
    [B, G, N, E],
  );

webgpuTest('writes tokens where they belong, leaves the rest, and leaves out what has no room', async () => {
  await bootBackend({ device: 'webgpu' });
  const before = memory().numTensors;
  for (const start of [0, 2, 4]) {
    const cache = { key: fill([B, G, C, E], -1), value: fill([B, G, C, E], -2) };
    const tokens = { key: numbered(0), value: numbered(1000) };
    const at = tensor1d([start], 'int32');
    storeTokens(tokens, cache, at);
    for (const [part, empty, first] of [
      ['key', -1, 0],
      ['value', -2, 1000],
    ] as const) {
      const expected = Array.from({ length: B * G * C * E }, (_, i) => {
        const [row, place, e] = [Math.floor(i / (C * E)), Math.floor(i / E) % C, i % E];
        const token = place - start;
        return token < 0 || token >= N ? empty : first + (row * N + token) * E + e;
      });
      expect([...(await cache[part].data())]).toEqual(expected);
    }
    dispose([cache.key, cache.value, tokens.key, tokens.value, at]);
  }
  expect(memory().numTensors).toBe(before);
});

test('refuses other shapes, and other backends', async () => {
  await bootBackend({ device: 'cpu' });
  const cache = { key: fill([B, G, C, E], 0), value: fill([B, G, C, E], 0) };
  const tokens = { key: numbered(0), value: numbered(0) };
  const start = tensor1d([0], 'int32');
  const unavailable = expect.objectContaining({ code: 'backend-unavailable' });
  expect(() => storeTokens(tokens, cache, start)).toThrow(unavailable);
  const mismatch = expect.objectContaining({ code: 'shape-mismatch' });
  const other = fill([B, G, C, E + 1], 0);
  expect(() => storeTokens(tokens, { ...cache, value: other }, start)).toThrow(mismatch);
  expect(() => storeTokens({ ...tokens, value: other }, cache, start)).toThrow(mismatch);
  expect(() => storeTokens(tokens, cache, tensor1d([0, 1], 'int32'))).toThrow(mismatch);
});
