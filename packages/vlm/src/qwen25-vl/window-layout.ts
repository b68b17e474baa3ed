import type { PatchGrid } from '../image/patchify.ts';
import type { FrameLayout, FrameSegments } from '../qwen2-vl/frame-runs.ts';
import type { Qwen25VLVisionConfig } from './qwen25-vl-config.ts';

/** A frame arranged by windows: both layouts put the merge blocks in the same order. */
export interface WindowLayout {
  readonly blockOrder: Int32Array;
  /** Every window attends to itself. */
  readonly windows: FrameLayout;
  /** All patches of the frame attend to each other. */
  readonly whole: FrameLayout;
}

/** The merge blocks of each window, windows and blocks inside them in raster order; windows at the edges are smaller. */
function windowsOf({ rows, columns }: { rows: number; columns: number }, side: number): number[][] {
  const windows: number[][] = [];
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      const blocks: number[] = [];
      for (let row = top; row < Math.min(top + side, rows); row++) {
        for (let column = left; column < Math.min(left + side, columns); column++) blocks.push(row * columns + column);
      }
      windows.push(blocks);
    }
  }
  return windows;
}

/**
 * Arranges the merge blocks of a frame by windows of `windowSize` pixels (`get_window_index` of Qwen2.5-VL), windows of
 * one size side by side, so that each size is one batch of attention: at most four a frame.
 */
export function windowLayout(grid: PatchGrid, config: Qwen25VLVisionConfig): WindowLayout {
  const { spatialMergeSize: merge, patchSize, windowSize } = config;
  const side = Math.floor(windowSize / merge / patchSize);
  const bySize = new Map<number, number[][]>();
  for (const window of windowsOf({ rows: grid.rows / merge, columns: grid.columns / merge }, side)) {
    const sameSize = bySize.get(window.length);
    if (sameSize === undefined) bySize.set(window.length, [window]);
    else sameSize.push(window);
  }
  let start = 0;
  const segments = [...bySize].map(([blocks, { length: count }]): FrameSegments => {
    const segment = { start, count, length: blocks * merge ** 2 };
    start += segment.count * segment.length;
    return segment;
  });
  const blockOrder = Int32Array.from([...bySize.values()].flat(2));
  return {
    blockOrder,
    windows: { blockOrder, segments },
    whole: { blockOrder, segments: [{ start: 0, count: 1, length: start }] },
  };
}
