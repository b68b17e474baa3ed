import { tensor1d, tensor2d, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import type { VisionInput } from '../adapter/vlm-adapter.ts';
import type { PatchGrid } from '../image/patchify.ts';
import { frameRuns, type FrameRun } from '../qwen2-vl/frame-runs.ts';
import { patchValues } from '../qwen2-vl/vision-tower.ts';
import type { Qwen25VLVisionConfig } from './qwen25-vl-config.ts';
import { windowLayout } from './window-layout.ts';

/** Images on the device, their merge blocks arranged by windows. */
export interface WindowInput extends VisionInput {
  /** float32 `[N, patch values]`, in the order of the windows. */
  readonly patches: Tensor2D;
  /** Windowed and full attention over the same order. */
  readonly windows: readonly FrameRun[];
  readonly whole: readonly FrameRun[];
  /** int32 `[N / mergeSize²]`: which merge block lies at each place, and the place of each merge block. */
  readonly order: Tensor1D;
  readonly places: Tensor1D;
}

/** The merge block at each place, over all frames of all images. */
function orderOf(grids: readonly PatchGrid[], config: Qwen25VLVisionConfig): Int32Array {
  const order: number[] = [];
  for (const grid of grids) {
    const { blockOrder } = windowLayout(grid, config);
    for (let frame = 0; frame < grid.frames; frame++) {
      const first = order.length;
      for (const block of blockOrder) order.push(first + block);
    }
  }
  return Int32Array.from(order);
}

/** Arranges patches by windows and brings them to the device; the caller owns the tensors. */
export function uploadWindows(
  { patches, grids }: { readonly patches: Float32Array; readonly grids: readonly PatchGrid[] },
  config: Qwen25VLVisionConfig,
): WindowInput {
  const order = orderOf(grids, config);
  const places = new Int32Array(order.length);
  const blockValues = config.spatialMergeSize ** 2 * patchValues(config);
  const arranged = new Float32Array(patches.length);
  order.forEach((block, place) => {
    places[block] = place;
    arranged.set(patches.subarray(block * blockValues, (block + 1) * blockValues), place * blockValues);
  });
  return {
    patches: tensor2d(arranged, [patches.length / patchValues(config), patchValues(config)]),
    windows: frameRuns(grids, config, (grid) => windowLayout(grid, config).windows),
    whole: frameRuns(grids, config, (grid) => windowLayout(grid, config).whole),
    order: tensor1d(order, 'int32'),
    places: tensor1d(places, 'int32'),
  };
}
