import type { RopeTables } from '@latte-flow/ops';
import { tidy, tile } from '@tensorflow/tfjs-core';

import type { PatchGrid } from '../image/patchify.ts';
import type { Qwen2VLVisionConfig } from './qwen2-vl-config.ts';
import { visionRopeTables } from './vision-rope.ts';

/** Neighbouring frames of one size: they go through the vision tower's attention as one batch. */
export interface FrameRun {
  /** The first patch. */
  readonly start: number;
  readonly frames: number;
  /** Patches of a frame. */
  readonly length: number;
  /** `[frames, length, headDim]` */
  readonly rope: RopeTables;
}

/** Groups images into runs of frames of one size. The caller owns the RoPE tables. */
export function frameRuns(grids: readonly PatchGrid[], config: Qwen2VLVisionConfig): FrameRun[] {
  const groups: { grid: PatchGrid; frames: number }[] = [];
  for (const grid of grids) {
    const last = groups.at(-1);
    if (last?.grid.rows === grid.rows && last.grid.columns === grid.columns) last.frames += grid.frames;
    else groups.push({ grid, frames: grid.frames });
  }
  let start = 0;
  return groups.map(({ grid, frames }) => {
    const length = grid.rows * grid.columns;
    const rope = tidy(() => {
      const { cos, sin } = visionRopeTables(grid, config);
      return { cos: tile(cos, [frames, 1, 1]), sin: tile(sin, [frames, 1, 1]) };
    });
    const run = { start, frames, length, rope };
    start += frames * length;
    return run;
  });
}
