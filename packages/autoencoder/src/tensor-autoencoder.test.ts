import { bootBackend, largestTensorBytes } from '@latte-flow/runtime';
import { memory, tensor, zeros, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { requireDeviceFits } from './check-input.ts';
import type { Codec } from './codec.ts';
import { IdentityAutoencoder } from './identity-autoencoder.ts';
import { smoothPictures, tinyDcAutoencoder, tinyTinyAutoencoder } from './testing/tiny-models.ts';

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

describe.each([
  ['DcAutoencoder', () => tinyDcAutoencoder(), 4, 4],
  ['TinyAutoencoder', () => tinyTinyAutoencoder(), 4, 4],
  ['IdentityAutoencoder', () => new IdentityAutoencoder(), 1, 3],
] as const)('%s', (name, make, factor, channels) => {
  test('encodes and decodes, scaled or not, and says what it is', async () => {
    using model = make();
    expect(model).toMatchObject({ factor, latentChannels: channels, imageChannels: 3 });
    const x = pictures(2, 8, 16);
    const latents = await model.encode(x);
    expect(latents.shape).toEqual([2, channels, 8 / factor, 16 / factor]);
    const unscaled = await valuesOf(model.encode(x, { scaled: false }));
    const scaled = (await latents.data()) as Float32Array;
    unscaled.forEach((value, i) => expect(scaled[i]).toBeCloseTo(value * model.scalingFactor, 5));
    const back = await model.decode(latents);
    expect(back.shape).toEqual([2, 3, 8, 16]);
    const z = tensor(unscaled, latents.shape);
    const other = await valuesOf(model.decode(z, { scaled: false }));
    const values = await back.data();
    other.forEach((value, i) => expect(values[i]).toBeCloseTo(value, 4));
    for (const each of [x, latents, back, z]) each.dispose();
  });

  test('refuses bad input before any work, and after dispose everything', async () => {
    const model = make();
    const x = zeros([1, 4, 8, 8]);
    await expect(model.encode(x)).rejects.toMatchObject({ code: 'shape-mismatch' });
    const odd = tensor(smoothPictures([1, 8, 8]).fill(NaN, 100, 101), [1, 3, 8, 8]);
    await expect(model.encode(odd)).rejects.toThrow('images of finite numbers, got NaN at index 100');
    const z = zeros([1, channels + 1, 2, 2]);
    await expect(model.decode(z)).rejects.toThrow(`latents of ${channels} channels, as this ${name} has them`);
    const infinite = tensor(new Float32Array(channels * 4).fill(Infinity, 1), [1, channels, 2, 2]);
    await expect(model.decode(infinite)).rejects.toThrow('latents of finite numbers, got Infinity at index 1');

    model.dispose();
    model.dispose();
    await expect(model.encode(odd)).rejects.toMatchObject({ code: 'disposed' });
    for (const each of [x, odd, z, infinite]) each.dispose();
  });
});

test('sides that are no multiple are refused with one that is, or padded and cropped back', async () => {
  using model = tinyDcAutoencoder();
  const x = pictures(1, 10, 13);
  await expect(model.encode(x)).rejects.toThrow(
    "multiples of 4 pixels, got 13 x 10. Resize to 12 x 12, or pass fit: 'pad'.",
  );
  const latents = await model.encode(x, { fit: 'pad' });
  expect(latents.shape).toEqual([1, 4, 3, 4]);
  const back = await model.decode(latents, { size: { height: 10, width: 13 } });
  expect(back.shape).toEqual([1, 3, 10, 13]);
  await expect(model.decode(latents, { size: { height: 13, width: 13 } })).rejects.toThrow(
    'within the picture, 16 x 12',
  );
  await expect(model.encode(x, { fit: 'stretch' as 'pad' })).rejects.toThrow('fit to be one of exact, pad');
  for (const each of [x, latents, back]) each.dispose();
});

test('padding repeats the border: identity keeps it, and a picture that fits is left as it is', async () => {
  using model = tinyTinyAutoencoder();
  const x = pictures(1, 8, 8);
  const exact = await valuesOf(model.encode(x));
  expect(await valuesOf(model.encode(x, { fit: 'pad' }))).toEqual(exact);
  x.dispose();
});

test('a picture for which the device has no tensor is refused, with a tile that would do', () => {
  const codec = { valuesPerPixel: 128, factor: 32 } as Codec;
  const side = 2 ** 20;
  expect(() => requireDeviceFits('encode', { batch: 1, height: side, width: side }, codec)).toThrow(
    `at most ${largestTensorBytes()} bytes`,
  );
  expect(() => requireDeviceFits('encode', { batch: 1, height: side, width: side }, codec)).toThrow(
    'Pass tile: { size: 512 } or less.',
  );
});
