import { requireInteger } from '@latte-flow/core';
import type { PatchGrid } from '@latte-flow/vlm';

import type { Quantity } from '../compare.ts';

/** Tiles `[B, tiles, channels, size, size]` as rows of patches, and the grid that they form. */
export interface TilePatches {
  readonly patches: Float32Array;
  readonly grid: PatchGrid;
}

/**
 * Cuts the reference's tiles into rows of `patchValues` in the order channel, row, column, tile after tile. Tiles of
 * nothing but zeros pad samples with fewer images, and are left out.
 */
export function tilesToPatches({ values, shape }: Quantity, patchValues: number): TilePatches {
  const [channels, size] = shape.slice(-3) as [number, number];
  const side = requireInteger('verify', 'the side of a patch', Math.sqrt(patchValues / channels), { min: 1 });
  const edge = Math.floor(size / side);
  const tileValues = channels * size * size;
  const all = Array.from({ length: values.length / tileValues }, (_, tile) =>
    Float32Array.from({ length: tileValues }, (__, i) => values[tile * tileValues + i]!),
  );
  const tiles = all.filter((tile) => tile.some((value) => value !== 0));
  const patches = new Float32Array(tiles.length * edge * edge * patchValues);
  tiles.forEach((tile, index) => {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = 0; y < edge * side; y++) {
        for (let x = 0; x < edge * side; x++) {
          const patch = (index * edge + Math.floor(y / side)) * edge + Math.floor(x / side);
          const within = (channel * side + (y % side)) * side + (x % side);
          patches[patch * patchValues + within] = tile[(channel * size + y) * size + x]!;
        }
      }
    }
  });
  return { patches, grid: { frames: tiles.length, rows: edge, columns: edge } };
}
