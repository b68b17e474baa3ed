import { bootBackend } from '@latte-flow/runtime';
import { beforeAll, expect, test } from 'vitest';

import { timeFeatures } from './time-embedding.ts';

beforeAll(() => bootBackend({ device: 'cpu' }).then(() => undefined));

test('features are cosines, then sines, of 1000 t at periods from 1 to 10 000', async () => {
  const features = timeFeatures([0, 0.5, 1], 4); // frequencies 1 and 1 / 100
  expect(features.shape).toEqual([3, 4]);
  expect(await features.array()).toEqual([
    [1, 1, 0, 0],
    [Math.cos(500), Math.cos(5), Math.sin(500), Math.sin(5)].map(Math.fround),
    [Math.cos(1000), Math.cos(10), Math.sin(1000), Math.sin(10)].map(Math.fround),
  ]);
  features.dispose();
});
