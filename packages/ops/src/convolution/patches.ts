import { reshape, tidy, transpose, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import type { Geometry } from './geometry.ts';
import { foldPortable, patchesPortable } from './portable.ts';
import { foldWebGPU, patchesWebGPU } from './webgpu.ts';

/** x [B, H, W, I] -> what each window covers, [B h w, k k I]: place by place of the kernel, so that channels stay neighbours. */
export function patchesOf(x: Tensor4D, geometry: Geometry): Tensor2D {
  return kernelOr(
    [x],
    () => patchesWebGPU(x, geometry),
    () => patchesPortable(x, geometry),
  );
}

/** The transpose of `patchesOf`: adds [B h w, k k I] up where the windows overlap, [B, H, W, I]. */
export function foldPatches(patches: Tensor2D, geometry: Geometry): Tensor4D {
  return kernelOr(
    [patches],
    () => foldWebGPU(patches, geometry),
    () => foldPortable(patches, geometry),
  );
}

/** [O, I, k, k] -> [O, k k I], as the columns of patches lie. */
export function weightRows(weight: Tensor4D): Tensor2D {
  return tidy(() => reshape(transpose(weight, [0, 2, 3, 1]), [weight.shape[0], -1]) as Tensor2D);
}

/** [O, k k I] -> [O, I, k, k]. */
export function weightOfRows(rows: Tensor2D, [outputs, channels, kernel]: readonly number[]): Tensor4D {
  return tidy(() => transpose(reshape(rows, [outputs!, kernel!, kernel!, channels!]) as Tensor4D, [0, 3, 1, 2]));
}
