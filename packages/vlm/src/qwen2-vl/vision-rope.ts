import { tensor3d, type Tensor3D } from '@tensorflow/tfjs-core';

import type { PatchGrid } from '../image/patchify.ts';
import type { Qwen2VLVisionConfig } from './qwen2-vl-config.ts';

const THETA = 10000;

/**
 * Cosines and sines of the patches of one frame, float32 `[1, rows * columns, headDim]`, computed in float64: a
 * quarter of the angles from the row, a quarter from the column, then both again. Patches go block by block, as
 * `patchifyImage` orders them. The caller owns the tensors.
 */
export function visionRopeTables(grid: PatchGrid, config: Qwen2VLVisionConfig): { cos: Tensor3D; sin: Tensor3D } {
  const headDim = config.embedDim / config.numHeads;
  const quarter = headDim / 4;
  const merge = config.spatialMergeSize;
  const { rows, columns } = grid;
  const frequencies = Array.from({ length: quarter }, (_, j) => THETA ** ((-2 * j) / (headDim / 2)));
  const cos = new Float32Array(rows * columns * headDim);
  const sin = new Float32Array(rows * columns * headDim);
  for (let patch = 0; patch < rows * columns; patch++) {
    const within = patch % merge ** 2;
    const block = Math.floor(patch / merge ** 2);
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
  const shape: [number, number, number] = [1, rows * columns, headDim];
  return { cos: tensor3d(cos, shape), sin: tensor3d(sin, shape) };
}
