import { bootBackend } from '@latte-flow/runtime';
import { memory, profile, tensor, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { IdentityAutoencoder } from '../identity-autoencoder.ts';
import { smoothPictures, tinyDcAutoencoder, tinyTinyAutoencoder } from '../testing/tiny-models.ts';
import { seamWeights, tileSizes, tileStarts } from './tile-grid.ts';

beforeAll(() => bootBackend({ device: 'wasm' }));

let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensors));

const pictures = (batch: number, height: number, width: number): Tensor =>
  tensor(smoothPictures([batch, height, width]), [batch, 3, height, width]);

async function valuesOf(x: Promise<Tensor>): Promise<Float32Array> {
  const result = await x;
  return (await result.data().finally(() => result.dispose())) as Float32Array;
}

describe('the grid', () => {
  test('covers the picture, the last tile ending with it', () => {
    expect(tileStarts(5, { size: 8, overlap: 2 })).toEqual([0]);
    expect(tileStarts(8, { size: 8, overlap: 2 })).toEqual([0]);
    expect(tileStarts(9, { size: 8, overlap: 2 })).toEqual([0, 1]);
    expect(tileStarts(20, { size: 8, overlap: 2 })).toEqual([0, 6, 12]);
  });

  test('weights rise from seams alone', () => {
    expect([...seamWeights(4, { overlap: 1, first: true, last: false })]).toEqual([1, 1, 1, 0.5]);
    expect([...seamWeights(4, { overlap: 0, first: false, last: false })]).toEqual([1, 1, 1, 1]);
  });

  test('options are multiples of the factor', () => {
    expect(tileSizes('encode', {}, 32)).toEqual({ size: 16, overlap: 2 });
    expect(tileSizes('encode', { size: 32 }, 32)).toEqual({ size: 1, overlap: 0 });
    expect(() => tileSizes('encode', { size: 40 }, 32)).toThrow(
      'tile.size to be a multiple of 32 pixels, got 40. Pass 32.',
    );
    expect(() => tileSizes('encode', { size: 64, overlap: 64 }, 32)).toThrow('tile.overlap');
    expect(() => tileSizes('encode', { size: 16 }, 32)).toThrow('tile.size to be an integer >= 32');
  });
});

test('of pixels, tiles give the pixels', async () => {
  using model = new IdentityAutoencoder();
  const x = pictures(2, 21, 30);
  const back = await valuesOf(model.encode(x, { tile: { size: 8, overlap: 3 } }));
  const values = await x.data();
  back.forEach((value, i) => expect(value).toBeCloseTo(values[i]!, 6));
  x.dispose();
});

test('of a model of convolutions, away from seams tiles equal the whole to 2/255', async () => {
  using model = tinyTinyAutoencoder();
  const [height, width] = [64, 96];
  const x = pictures(1, height, width);
  const latents = await model.encode(x);
  const whole = await valuesOf(model.decode(latents));
  // Tiles end at these columns; what a pixel of this model sees reaches 24 pixels.
  const [size, overlap] = [64, 32];
  const tiled = await valuesOf(model.decode(latents, { tile: { size, overlap } }));
  let [away, anywhere] = [0, 0];
  whole.forEach((value, i) => {
    const column = i % width;
    const difference = Math.abs(value - tiled[i]!);
    anywhere = Math.max(anywhere, difference);
    // Columns that one tile alone decides, out of reach of its end.
    if (column < 32 || column >= 64) away = Math.max(away, difference);
  });
  expect(away).toBeLessThan(2 / 255);
  expect(anywhere).toBeGreaterThan(0); // the seam is there
  for (const each of [x, latents]) each.dispose();
});

test('reports every tile, stops between two', async () => {
  using model = tinyDcAutoencoder();
  const x = pictures(1, 64, 64);
  const steps: unknown[] = [];
  await valuesOf(
    model.encode(x, {
      tile: { size: 32, overlap: 0 },
      onProgress: ({ stage, step, steps: all }) => steps.push([stage, step, all]),
    }),
  );
  expect(steps).toEqual([1, 2, 3, 4].map((step) => ['encode', step, 4]));
  const controller = new AbortController();
  const reason = new Error('enough');
  const stopped = model.encode(x, {
    tile: { size: 32 },
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(stopped).rejects.toBe(reason);
  x.dispose();
});

test('with tiles the device holds the picture and one tile, not the whole of every layer', async () => {
  using model = tinyDcAutoencoder();
  const x = pictures(1, 128, 128);
  const peakOf = async (tile?: { size: number; overlap: number }): Promise<number> => {
    const { peakBytes } = await profile(async () => void (await valuesOf(model.encode(x, { tile }))));
    return peakBytes;
  };
  const own = memory().numBytes;
  const [whole, tiled] = [(await peakOf()) - own, (await peakOf({ size: 32, overlap: 0 })) - own];
  expect(tiled).toBeLessThan(whole / 2);
  x.dispose();
});
