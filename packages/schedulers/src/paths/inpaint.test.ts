import { normalNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { addNoise, blendInpaint } from './inpaint.ts';

const image = Float64Array.from(normalNoise(12, { seed: 1 }));
const noise = Float64Array.from(normalNoise(12, { seed: 2 }));
const sample = Float64Array.from(normalNoise(12, { seed: 3 }));

test('a clean latent is noised along the linear path', () => {
  expect(addNoise(image, { noise, sigma: 0 })).toEqual(image);
  expect(addNoise(image, { noise, sigma: 1 })).toEqual(noise);
  const half = addNoise(Float32Array.from(image), { noise, sigma: 0.5 });
  expect(half).toBeInstanceOf(Float32Array);
  half.forEach((value, i) => expect(value).toBeCloseTo((image[i]! + noise[i]!) / 2, 6));
});

test('the mask keeps the sample where it is 1 and the noised image where it is 0', () => {
  const mask = [1, 0, 0.25, 1, 0, 0, 1, 1, 0, 0, 1, 0];
  const known = addNoise(image, { noise, sigma: 0.3 });
  const blended = blendInpaint(sample, { image, mask, noise, sigma: 0.3 });
  blended.forEach((value, i) => {
    expect(value).toBeCloseTo(mask[i]! * sample[i]! + (1 - mask[i]!) * known[i]!, 14);
  });
  expect(blendInpaint(sample, { image, mask: mask.map(() => 0), noise, sigma: 0 })).toEqual(image);
});

test('what does not fit is refused', () => {
  expect(() => addNoise(image, { noise, sigma: 1.1 })).toThrow(/addNoise: expected sigma to be a finite number in/);
  expect(() => addNoise(image, { noise: noise.slice(1), sigma: 0.5 })).toThrow(/12 elements/);
  expect(() => blendInpaint(sample, { image, mask: [1], noise, sigma: 0.5 })).toThrow(
    /blendInpaint: expected an image/,
  );
});
