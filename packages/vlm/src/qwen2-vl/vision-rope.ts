import type { PatchGrid } from '../image/patchify.ts';
import type { QwenVisionConfig } from './qwen-config.ts';

const THETA = 10000;

/** Host tables `[patches, headDim]`, row-major. */
export interface VisionRope {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Cosines and sines of the patches of one frame, computed in float64: a quarter of the angles from the row, a quarter
 * from the column, then both again. Patches go merge block by merge block as `patchifyImage` orders them, or with the
 * blocks in the given order.
 */
export function visionRope(
  { rows, columns }: PatchGrid,
  config: QwenVisionConfig,
  options: { readonly blockOrder?: ArrayLike<number> | undefined } = {},
): VisionRope {
  const headDim = config.embedDim / config.numHeads;
  const quarter = headDim / 4;
  const merge = config.spatialMergeSize;
  const frequencies = Array.from({ length: quarter }, (_, j) => THETA ** ((-2 * j) / (headDim / 2)));
  const cos = new Float32Array(rows * columns * headDim);
  const sin = new Float32Array(rows * columns * headDim);
  for (let patch = 0; patch < rows * columns; patch++) {
    const within = patch % merge ** 2;
    const place = Math.floor(patch / merge ** 2);
    const block = options.blockOrder?.[place] ?? place;
    const blocksAcross = columns / merge;
    const row = Math.floor(block / blocksAcross) * merge + Math.floor(within / merge);
    const column = (block % blocksAcross) * merge + (within % merge);
    for (let j = 0; j < headDim; j++) {
      const half = j % (headDim / 2);
      const angle = (half < quarter ? row : column) * frequencies[half % quarter]!;
      cos[patch * headDim + j] = Math.cos(angle);
      sin[patch * headDim + j] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
