import { requireInteger } from '@latte-flow/core';

/** The tiles of several samples in the rectangular form of the reference. */
export interface PaddedTiles {
  /** float32 `[samples, tiles, 3, size, size]`: samples with fewer tiles end in tiles of zeros. */
  readonly pixels: Float32Array;
  /** `[samples, tiles, size, size]`: 1 where a pixel is an image's, 0 where it is padding; `pixel_attention_mask`. */
  readonly mask: Uint8Array;
  /** Tiles of each sample, padding included. */
  readonly tiles: number;
}

/** Pads the tiles of each sample (`[tiles, 3, tileSize, tileSize]`) with empty ones to the number of the most. */
export function padTiles(samples: readonly Float32Array[], tileSize: number): PaddedTiles {
  const area = tileSize ** 2;
  const counts = samples.map(({ length }) =>
    requireInteger('padTiles', 'number of tiles', length / (3 * area), { min: 0 }),
  );
  const tiles = Math.max(0, ...counts);
  const pixels = new Float32Array(samples.length * tiles * 3 * area);
  const mask = new Uint8Array(samples.length * tiles * area);
  samples.forEach((sample, i) => {
    pixels.set(sample, i * tiles * 3 * area);
    mask.fill(1, i * tiles * area, (i * tiles + counts[i]!) * area);
  });
  return { pixels, mask, tiles };
}

/**
 * The tiles of `tileValues` values each that are no padding. The reference knows padding by one thing only: all its
 * values are exactly 0.
 */
export function withoutEmptyTiles(pixels: Float32Array, tileValues: number): Float32Array {
  const count = requireInteger('withoutEmptyTiles', 'number of tiles', pixels.length / tileValues, { min: 0 });
  const tiles = Array.from({ length: count }, (_, i) => pixels.subarray(i * tileValues, (i + 1) * tileValues));
  const full = tiles.filter((tile) => tile.some((value) => value !== 0));
  if (full.length === count) return pixels;
  const kept = new Float32Array(full.length * tileValues);
  full.forEach((tile, i) => kept.set(tile, i * tileValues));
  return kept;
}
