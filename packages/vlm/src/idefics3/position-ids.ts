/** Floats that the reference's `arange` computes at once: from the first of a block on, steps add to its rounded value. */
const ARANGE_BLOCK = 8;

/** `torch.arange(1 / side, 1, 1 / side)` in float32 on the CPU, rounding included. */
function bucketBoundaries(side: number): number[] {
  const step = 1 / side;
  const count = Math.ceil((1 - step) / step);
  return Array.from({ length: count }, (_, i) => {
    const block = i - (i % ARANGE_BLOCK);
    if (block + ARANGE_BLOCK > count) return Math.fround(step + step * i);
    return Math.fround(Math.fround(step + step * block) + step * (i - block));
  });
}

/** For each of `patches` patches along an edge its bucket among `side`. */
function buckets(patches: number, side: number): number[] {
  const boundaries = bucketBoundaries(side);
  const step = Math.fround(1 / patches);
  return Array.from({ length: patches }, (_, i) => {
    const fraction = Math.min(Math.fround(i * step), Math.fround(1 - 1e-6));
    const above = boundaries.findIndex((boundary) => boundary > fraction);
    return above === -1 ? boundaries.length : above;
  });
}

/**
 * Which of the `side`² learned positions each of a tile's `patches`² patches takes, in raster order: the patch's place
 * as a fraction of the tile, put into `side` buckets an edge. In exact numbers a tile of the trained size would have
 * its raster indices; the reference's float32 gives some sizes (19, 25, 29, …) neighbouring buckets instead, and
 * weights trained with those need the same.
 * @see `Idefics3VisionEmbeddings` of transformers
 */
export function tilePositionIds(patches: number, side: number): Int32Array {
  const places = buckets(patches, side);
  return Int32Array.from(places.flatMap((row) => places.map((column) => row * side + column)));
}
