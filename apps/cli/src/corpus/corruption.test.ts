import { LatteFlowError } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { corruptImage } from './corruption.ts';

const LENGTH = 3 * 64 * 64;
const draw = { seed: 1, index: 2 };

test('without noise or blur it copies', () => {
  const image = new Float32Array(LENGTH).fill(0.25);
  const copy = corruptImage(image, draw);
  expect(copy).toEqual(image);
  expect(copy.buffer).not.toBe(image.buffer);
});

test('noise has the level asked for, repeats, and stays in range', () => {
  const image = new Float32Array(LENGTH);
  const noisy = corruptImage(image, { ...draw, noise: 0.2 });
  const deviation = Math.sqrt(noisy.reduce((sum, value) => sum + value ** 2, 0) / LENGTH);
  expect(Math.abs(deviation - 0.2)).toBeLessThan(0.005);
  expect(corruptImage(image, { ...draw, noise: 0.2 })).toEqual(noisy);
  expect(corruptImage(image, { ...draw, index: 3, noise: 0.2 })).not.toEqual(noisy);
  expect(corruptImage(image, { ...draw, noise: 5 }).every((value) => Math.abs(value) <= 1)).toBe(true);
});

test('a box blur spreads one pixel over its box within its plane', () => {
  const image = new Float32Array(LENGTH);
  image[64 * 64 + 10 * 64 + 20] = 0.9;
  const blurred = corruptImage(image, { ...draw, blurRadius: 1 });
  blurred.forEach((value, i) => {
    const [plane, y, x] = [Math.floor(i / 4096), Math.floor(i / 64) % 64, i % 64];
    const inBox = plane === 1 && Math.abs(y - 10) <= 1 && Math.abs(x - 20) <= 1;
    expect(Math.abs(value - (inBox ? 0.1 : 0))).toBeLessThan(1e-6);
  });
});

test('refuses bad input', () => {
  expect(() => corruptImage(new Float32Array(5), draw)).toThrow(LatteFlowError);
  expect(() => corruptImage(new Float32Array(LENGTH), { ...draw, noise: -1 })).toThrow('noise');
  expect(() => corruptImage(new Float32Array(LENGTH), { ...draw, blurRadius: 0.5 })).toThrow('blurRadius');
});
