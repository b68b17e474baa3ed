import { expect, test } from 'vitest';

import { peakSignalToNoise, structuralSimilarity } from './picture-quality.ts';

const side = 16;
const picture = Float32Array.from({ length: 3 * side * side }, (_, i) => Math.sin(i * 0.7) * 0.5);

test('PSNR of a constant error is that of the error', () => {
  const moved = picture.map((value) => value + 0.2);
  expect(peakSignalToNoise(picture, moved)).toBeCloseTo(20, 4); // 20 log10(2 / 0.2)
  expect(peakSignalToNoise(new Float32Array(4).fill(1), new Float32Array(4).fill(3))).toBe(Infinity); // clipped
});

test('SSIM is 1 for equal pictures, and its luminance term alone for constant ones', () => {
  expect(structuralSimilarity(picture, picture, side)).toBeCloseTo(1, 12);
  const [low, high] = [0.2, 0.6];
  const constant = (value: number) => new Float32Array(3 * side * side).fill(value);
  const c1 = 0.0004;
  const expected = (2 * low * high + c1) / (low ** 2 + high ** 2 + c1);
  expect(structuralSimilarity(constant(low), constant(high), side)).toBeCloseTo(expected, 5);
  const bright = picture.map((value) => 0.4 + value);
  const turned = picture.map((value) => 0.4 - value); // of the same brightness
  expect(structuralSimilarity(bright, turned, side)).toBeLessThan(-0.5);
});
