import { expect, test } from 'vitest';

import { imageSizes, scaledSize, tiledSize } from './tile-sizes.ts';

const size = (height: number, width: number): { width: number; height: number } => ({ width, height });

// Sizes of `Idefics3ImageProcessor` with its Pillow backend, height first.
test.each([
  [size(56, 84), 128, 64, size(86, 128), size(128, 128)],
  [size(100, 40), 128, 64, size(128, 52), size(128, 64)],
])('%j goes through the sizes of the reference', (image, longestEdge, tileSize, scaled, tiled) => {
  expect(scaledSize(image, longestEdge)).toEqual(scaled);
  expect(tiledSize(scaled, tileSize)).toEqual(tiled);
});

test('images grow too, keep an edge of a pixel, and stay below 4096', () => {
  expect(scaledSize(size(1, 1), 2048)).toEqual(size(2048, 2048));
  expect(scaledSize(size(1, 20000), 2048)).toEqual(size(1, 2048));
  expect(scaledSize(size(20000, 1), 2048)).toEqual(size(2048, 1));
  expect(scaledSize(size(300, 400), 8192)).toEqual(size(3072, 4096));
});

test('the sizes follow the configuration', () => {
  const config = { resize: true, longestEdge: 2048, splitting: true, tileSize: 512 };
  expect(imageSizes(size(480, 640), config)).toEqual([size(1536, 2048), size(1536, 2048)]);
  expect(imageSizes(size(1080, 1920), config)).toEqual([size(1152, 2048), size(1536, 2048)]);
  expect(imageSizes(size(480, 640), { ...config, splitting: false })).toEqual([size(1536, 2048), size(512, 512)]);
  expect(imageSizes(size(480, 640), { ...config, resize: false })).toEqual([size(480, 640), size(1024, 1024)]);
});
