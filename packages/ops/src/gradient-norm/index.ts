import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { gradientScalePortable } from './portable.ts';
import { gradientScaleWebGPU } from './webgpu.ts';

export interface ClipOptions {
  /** The largest norm that is let through. Default: any. */
  readonly limit?: number;
  /** Every gradient is a sum over so many batches, of which the mean is wanted. Default 1. */
  readonly batches?: number;
}

export interface GradientScale {
  /** The norm of the mean gradients, all vectors taken as one. */
  readonly norm: Scalar;
  /** What to multiply the gradients with: min(1, limit / (norm + 1e-6)) / batches. */
  readonly factor: Scalar;
}

/**
 * The norm of gradients and the factor that clips them to `limit`, as torch.nn.utils.clip_grad_norm_ does; on the device,
 * nothing is read back.
 *
 * @param vectors flat float32, at least one, borrowed
 * @returns scalars, owned by the caller
 */
export function gradientScale(
  vectors: readonly Tensor1D[],
  { limit = Infinity, batches = 1 }: ClipOptions = {},
): GradientScale {
  return kernelOr(
    vectors,
    (features) => gradientScaleWebGPU(vectors, { limit, batches, ...features }),
    () => gradientScalePortable(vectors, { limit, batches }),
  );
}
