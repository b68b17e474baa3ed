import { refuseArgument, requireInteger } from '@latte-flow/core';

export interface TileOptions {
  /** Side of a tile in pixels, a multiple of the factor. Default 512, brought up to a multiple. */
  readonly size?: number;
  /** Pixels that neighbours share, a multiple of the factor below the size. Default an eighth of the size, brought up. */
  readonly overlap?: number;
}

/** Tiles in latents: sides and shared parts. */
export interface TileSizes {
  readonly size: number;
  readonly overlap: number;
}

function requireMultipleOf(where: string, name: string, value: number, factor: number): void {
  if (value % factor === 0) return;
  refuseArgument({
    where,
    expected: `${name} to be a multiple of ${factor} pixels`,
    got: `${value}`,
    remedy: `Pass ${Math.max(factor, Math.round(value / factor) * factor)}.`,
    data: { [name]: value, factor },
  });
}

/** Checks tile options and gives them in latents. */
export function tileSizes(where: string, { size, overlap }: TileOptions, factor: number): TileSizes {
  const upTo = (pixels: number): number => Math.ceil(pixels / factor) * factor;
  const side = requireInteger(where, 'tile.size', size ?? upTo(512), { min: factor });
  const shared = requireInteger(where, 'tile.overlap', overlap ?? Math.min(side - factor, upTo(side / 8)), {
    min: 0,
    max: side - factor,
  });
  requireMultipleOf(where, 'tile.size', side, factor);
  requireMultipleOf(where, 'tile.overlap', shared, factor);
  return { size: side / factor, overlap: shared / factor };
}

/** First latent of each tile along one side; the last tile ends with the picture. */
export function tileStarts(length: number, { size, overlap }: TileSizes): number[] {
  if (length <= size) return [0];
  const starts: number[] = [];
  for (let start = 0; start + size < length; start += size - overlap) starts.push(start);
  return [...starts, length - size];
}

/**
 * How much each place of a tile counts along one side: rises over the shared places at a seam, 1 elsewhere. Sums of
 * neighbours are divided out, so that only the ratio matters.
 */
export function seamWeights(
  length: number,
  { overlap, first, last }: { readonly overlap: number; readonly first: boolean; readonly last: boolean },
): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const rising = first ? 1 : (i + 1) / (overlap + 1);
    const falling = last ? 1 : (length - i) / (overlap + 1);
    return Math.min(1, rising, falling);
  });
}
