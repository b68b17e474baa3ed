import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import type { RgbImage } from '../image/rgb-image.ts';
import { cutIntoTiles } from './image-tiles.ts';
import { padTiles, withoutEmptyTiles } from './tile-padding.ts';
import { patchifyTiles } from './tile-patches.ts';
import { processTiledImages, tilePixels } from './tile-pixels.ts';
import { parseTileProcessorConfig } from './tile-processor-config.ts';

const FIXTURE = new URL('../../../../test/fixtures/vlm/idefics3-tiles/', import.meta.url);

interface TileFixture {
  readonly preprocessor: Record<string, unknown>;
  readonly images: readonly {
    readonly file: string;
    readonly height: number;
    readonly width: number;
    readonly splitting: boolean;
    readonly rows: number;
    readonly columns: number;
    readonly sha256: string;
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('tiles.json', FIXTURE), 'utf8')) as TileFixture;
const config = parseTileProcessorConfig(fixture.preprocessor, { imageSize: 64, patchSize: 8 });

function noiseImage(width: number, height: number): RgbImage {
  const data = Uint8Array.from(uniformNoise(width * height * 3, { seed: 7 }), (x) => Math.floor(x * 256));
  return { data, width, height };
}

test.each(fixture.images)('$file, splitting $splitting: the tiles are the bytes of the reference', (expected) => {
  const { file, height, width, splitting, rows, columns } = expected;
  const image = { data: readFileSync(new URL(file, FIXTURE)), width, height };
  const { tiles, grid } = cutIntoTiles(image, { ...config, splitting });
  expect(grid).toEqual({ rows, columns });
  expect(tiles).toHaveLength(rows * columns + 1);
  const hash = createHash('sha256');
  for (const { data } of tiles) hash.update(data);
  expect(hash.digest('hex')).toBe(expected.sha256);
});

test('a pixel and a line of pixels have tiles as well', () => {
  const pixel = cutIntoTiles(noiseImage(1, 1), config);
  expect(pixel.grid).toEqual({ rows: 2, columns: 2 });
  expect(new Set(pixel.tiles.map(({ data }) => data.join()))).toHaveLength(1);
  expect(cutIntoTiles(noiseImage(1, 3000), config).grid).toEqual({ rows: 2, columns: 1 });
  expect(cutIntoTiles(noiseImage(3000, 1), config).grid).toEqual({ rows: 1, columns: 2 });
});

test('an image that fits in a tile is not cut', () => {
  const { tiles, grid } = cutIntoTiles(noiseImage(30, 20), { ...config, longestEdge: 64 });
  expect(grid).toEqual({ rows: 0, columns: 0 });
  expect(tiles).toHaveLength(1);
  expect(tiles[0]).toMatchObject({ width: 64, height: 64 });
});

test('data that are no image are refused', () => {
  const broken = { data: new Uint8Array(5), width: 2, height: 2 };
  expect(() => cutIntoTiles(broken, config)).toThrow(expect.objectContaining({ code: 'image-invalid' }));
  expect(() => processTiledImages([broken], config)).toThrow('width * height * 3 bytes');
});

test('patches hold channel, row and column of their tile, in raster order', () => {
  const tile = { data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => i % 251), width: 64, height: 64 };
  const raw = { ...config, rescaleFactor: 1, mean: [0, 0, 0], std: [1, 1, 1] };
  const patches = patchifyTiles(tilePixels([tile, tile], raw), { inChannels: 3, patchSize: 8, tileSize: 64 });
  const row = (8 * 8 + 2) * 3 * 64; // of the second tile: row 0, column 2
  const [channel, y, x] = [2, 5, 6];
  expect(patches).toHaveLength(2 * 64 * 3 * 64);
  expect(patches[row + (channel * 8 + y) * 8 + x]).toBe(((y * 64 + 16 + x) * 3 + channel) % 251);
});

test('an edge that is no whole patch is not seen', () => {
  const pixels = Float32Array.from({ length: 3 * 25 }, (_, i) => i % 25);
  const patches = patchifyTiles(pixels, { inChannels: 3, patchSize: 2, tileSize: 5 });
  expect(patches).toHaveLength(4 * 12);
  expect([...patches.subarray(0, 4)]).toEqual([0, 1, 5, 6]);
  expect([...patches.subarray(36, 40)]).toEqual([12, 13, 17, 18]);
});

test('grids say how many tiles of how many patches each image has', () => {
  const { grids, patches } = processTiledImages([noiseImage(84, 56), noiseImage(40, 100)], config);
  expect(grids).toEqual([
    { frames: 5, rows: 8, columns: 8, tiles: { rows: 2, columns: 2 } },
    { frames: 3, rows: 8, columns: 8, tiles: { rows: 2, columns: 1 } },
  ]);
  expect(patches).toHaveLength(8 * 64 * 192);
});

test('padding fills up with empty tiles, which only exact zeros are', () => {
  const tiles = (count: number): Float32Array => new Float32Array(count * 12).fill(-1);
  const { pixels, mask, tiles: longest } = padTiles([tiles(1), tiles(2), tiles(0)], 2);
  expect(longest).toBe(2);
  expect([...mask]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(withoutEmptyTiles(pixels, 12)).toEqual(tiles(3));
  const nearly = new Float32Array(12);
  nearly[11] = 1e-30;
  expect(withoutEmptyTiles(nearly, 12)).toBe(nearly);
  expect(withoutEmptyTiles(new Float32Array(24), 12)).toHaveLength(0);
  expect(() => padTiles([new Float32Array(13)], 2)).toThrow('number of tiles');
});

test.each([
  [{ resample: 9 }, 'resample'],
  [{ image_std: [0, 1, 1] }, 'image_std'],
  [{ image_mean: [0.5] }, 'image_mean'],
  [{ size: { longest_edge: 0 } }, 'longest_edge'],
  [{ max_image_size: 64 }, 'max_image_size'],
  [{ do_image_splitting: 'yes' }, 'do_image_splitting'],
])('the processor refuses %j', (json, field) => {
  const parse = (): unknown => parseTileProcessorConfig(json, { imageSize: 64, patchSize: 8 });
  expect(parse).toThrow(expect.objectContaining({ code: 'checkpoint-invalid' }));
  expect(parse).toThrow(field);
});
