import { LatteFlowError, requireInteger } from '@latte-flow/core';

import type { Idefics3Config, Idefics3VisionConfig } from './idefics3-config.ts';

/** Patches along an edge of a tile; what is left of it past the last whole patch is not seen. */
export function patchesPerEdge({ patchSize }: Pick<Idefics3VisionConfig, 'patchSize'>, tileSize: number): number {
  return Math.floor(tileSize / patchSize);
}

/**
 * Tokens that a tile becomes: one for each `scaleFactor` x `scaleFactor` of its patches.
 * @throws LatteFlowError `checkpoint-mismatch` if its patches do not divide so
 */
export function tokensPerTile(
  { vision, scaleFactor }: Pick<Idefics3Config, 'vision' | 'scaleFactor'>,
  tileSize: number,
): number {
  const edge = patchesPerEdge(vision, tileSize);
  if (edge > 0 && edge % scaleFactor === 0) return (edge / scaleFactor) ** 2;
  throw new LatteFlowError('checkpoint-mismatch', {
    where: 'tokensPerTile',
    expected: `tiles whose edge is a multiple of ${scaleFactor} patches of ${vision.patchSize} pixels`,
    got: `${edge} patches on ${tileSize} pixels`,
    remedy: 'Use the config.json and preprocessor_config.json of one checkpoint.',
    data: { tileSize, patchSize: vision.patchSize, scaleFactor },
  });
}

/**
 * Cuts tiles `[tiles, channels, tileSize, tileSize]` into patches, one a row of `channels * patchSize²` values in the
 * order channel, row, column; tile after tile, each in raster order.
 */
export function patchifyTiles(
  pixels: Float32Array,
  {
    inChannels: channels,
    patchSize,
    tileSize,
  }: Pick<Idefics3VisionConfig, 'inChannels' | 'patchSize'> & {
    readonly tileSize: number;
  },
): Float32Array {
  const tiles = requireInteger('patchifyTiles', 'number of tiles', pixels.length / (channels * tileSize ** 2), {
    min: 0,
  });
  const edge = patchesPerEdge({ patchSize }, tileSize);
  const patches = new Float32Array(tiles * edge ** 2 * channels * patchSize ** 2);
  let at = 0;
  for (let tile = 0; tile < tiles; tile++) {
    for (let top = 0; top < edge * patchSize; top += patchSize) {
      for (let left = 0; left < edge * patchSize; left += patchSize) {
        for (let channel = 0; channel < channels; channel++) {
          for (let y = top; y < top + patchSize; y++, at += patchSize) {
            const from = ((tile * channels + channel) * tileSize + y) * tileSize + left;
            patches.set(pixels.subarray(from, from + patchSize), at);
          }
        }
      }
    }
  }
  return patches;
}
