import type { TileProcessorConfig } from './tile-processor-config.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The reference enlarges no image beyond this, whatever its configuration says. */
const LARGEST_EDGE = 4096;

/** The two edges from the longer one, keeping the aspect; `round` makes an edge of an exact length. */
function withLongerEdge({ width, height }: Size, edge: number, round: (length: number) => number): Size {
  const aspect = width / height;
  // Through the rounded aspect, as the reference: a direct product would round otherwise.
  return width >= height
    ? { width: edge, height: Math.max(1, round(edge / aspect)) }
    : { width: Math.max(1, round(edge * aspect)), height: edge };
}

const evenAbove = (length: number): number => Math.trunc(length) + (Math.trunc(length) % 2);

/** The first size: the longer edge becomes `longestEdge`, up or down, the other one an even number. */
export function scaledSize(size: Size, longestEdge: number): Size {
  const scaled = withLongerEdge(size, longestEdge, evenAbove);
  if (Math.max(scaled.width, scaled.height) <= LARGEST_EDGE) return scaled;
  return withLongerEdge(scaled, LARGEST_EDGE, Math.trunc);
}

/** The second size of an image that is split: both edges become multiples of a tile's. */
export function tiledSize(size: Size, tileSize: number): Size {
  const wholeTiles = (length: number): number => Math.ceil(length / tileSize) * tileSize;
  const edge = wholeTiles(Math.max(size.width, size.height));
  const { width, height } = withLongerEdge(size, edge, Math.trunc);
  return { width: wholeTiles(width), height: wholeTiles(height) };
}

/** The sizes that an image goes through before it is cut, in order; equal ones change nothing. */
export function imageSizes(
  size: Size,
  {
    resize,
    longestEdge,
    splitting,
    tileSize,
  }: Pick<TileProcessorConfig, 'resize' | 'longestEdge' | 'splitting' | 'tileSize'>,
): readonly [Size, Size] {
  const scaled = resize ? scaledSize(size, longestEdge) : size;
  return [scaled, splitting ? tiledSize(scaled, tileSize) : { width: tileSize, height: tileSize }];
}
