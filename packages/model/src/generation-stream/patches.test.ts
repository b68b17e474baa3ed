import { bootBackend } from '@latte-flow/runtime';
import { dispose, memory, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { randomTensor } from '../testing/tiny-stream.ts';
import { patchify, unpatchify } from './patches.ts';

beforeAll(() => bootBackend({ device: 'cpu' }).then(() => undefined));

test('patches lie in raster order, each channel first, then row, then column', async () => {
  const before = memory().numTensors;
  // The value says where it is: channel, row, column.
  const places = [0, 1].flatMap((c) =>
    [0, 1, 2, 3].flatMap((row) => [0, 1, 2, 3].map((col) => 100 * c + 10 * row + col)),
  );
  const latents = tensor(places, [1, 2, 4, 4]);
  const patches = patchify(latents, 2);
  expect(patches.shape).toEqual([1, 4, 8]);
  expect(await patches.array()).toEqual([
    [
      [0, 1, 10, 11, 100, 101, 110, 111],
      [2, 3, 12, 13, 102, 103, 112, 113],
      [20, 21, 30, 31, 120, 121, 130, 131],
      [22, 23, 32, 33, 122, 123, 132, 133],
    ],
  ]);
  dispose([latents, patches]);
  expect(memory().numTensors).toBe(before);
});

test.each([
  [1, 3, 4],
  [2, 3, 4],
  [4, 1, 8],
])('patch size %i: unpatchify undoes patchify', async (patchSize, channels, size) => {
  const latents = randomTensor([2, channels, size, size], 1);
  const patches = patchify(latents, patchSize);
  const back = unpatchify(patches, channels, patchSize);
  expect(back.shape).toEqual(latents.shape);
  expect(await back.data()).toEqual(await latents.data());
  dispose([latents, patches, back]);
});
