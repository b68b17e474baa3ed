import type { RopeTables } from '@latte-flow/ops';
import { tensor3d, tidy, tile, type Tensor3D } from '@tensorflow/tfjs-core';

import type { PatchGrid } from '../image/patchify.ts';
import type { QwenVisionConfig } from './qwen-config.ts';
import { visionRope } from './vision-rope.ts';

/** Segments of one length, side by side inside a frame. Patches attend to those of their own segment. */
export interface FrameSegments {
  /** The first patch inside the frame. */
  readonly start: number;
  readonly count: number;
  /** Patches of a segment. */
  readonly length: number;
}

/** How the patches of a frame are arranged; together the segments cover it in order. */
export interface FrameLayout {
  /** The merge block at each place, where they are not in raster order. */
  readonly blockOrder?: ArrayLike<number>;
  readonly segments: readonly FrameSegments[];
}

/** Neighbouring frames of one size: they go through the vision tower's attention together. */
export interface FrameRun {
  /** The first patch. */
  readonly start: number;
  readonly frames: number;
  /** Patches of a frame. */
  readonly length: number;
  /** Each with its tables, `[frames * count, length, headDim]`. */
  readonly groups: readonly (FrameSegments & { readonly rope: RopeTables })[];
}

/** A frame in raster order that is one segment: full attention. */
export function wholeFrame({ rows, columns }: PatchGrid): FrameLayout {
  return { segments: [{ start: 0, count: 1, length: rows * columns }] };
}

/** Groups images into runs of frames of one size, each laid out by `layout`. The caller owns the RoPE tables. */
export function frameRuns(
  grids: readonly PatchGrid[],
  config: QwenVisionConfig,
  layout: (grid: PatchGrid) => FrameLayout,
): FrameRun[] {
  const sizes: { grid: PatchGrid; frames: number }[] = [];
  for (const grid of grids) {
    const last = sizes.at(-1);
    if (last?.grid.rows === grid.rows && last.grid.columns === grid.columns) last.frames += grid.frames;
    else sizes.push({ grid, frames: grid.frames });
  }
  const headDim = config.embedDim / config.numHeads;
  let next = 0;
  return sizes.map(({ grid, frames }) => {
    const { blockOrder, segments } = layout(grid);
    const { cos, sin } = visionRope(grid, config, { blockOrder });
    const groups = segments.map((segment) => {
      const { start, count, length } = segment;
      const upload = (table: Float32Array): Tensor3D =>
        tidy(() => {
          const own = table.subarray(start * headDim, (start + count * length) * headDim);
          return tile(tensor3d(own, [count, length, headDim]), [frames, 1, 1]);
        });
      return { ...segment, rope: { cos: upload(cos), sin: upload(sin) } };
    });
    const start = next;
    const length = grid.rows * grid.columns;
    next += frames * length;
    return { start, frames, length, groups };
  });
}
