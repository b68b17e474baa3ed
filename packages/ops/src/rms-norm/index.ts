import { requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { normForward } from '../norm-rows/forward.ts';
import { withGradient } from '../with-gradient.ts';
import { rmsNormGradient } from './gradient.ts';
import { rmsNormPortable } from './portable.ts';

/**
 * weight * x / sqrt(mean(x^2) + eps) over the last axis.
 *
 * @param x `[..., D]` float32, borrowed
 * @param weight `[D]`
 * @returns `[..., D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 * @see `RMSNorm` of the reference
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  requireShape('rmsNorm', 'weight', weight.shape, [x.shape.at(-1)!]);
  return withGradient(
    [x, weight],
    (x_, weight_) =>
      kernelOr(
        [x_],
        (features) => normForward('rms', [x_, weight_], { eps, ...features }),
        () => rmsNormPortable(x_, weight_, eps),
      ),
    (dy, x_, weight_) => rmsNormGradient(dy, x_, weight_, eps),
  );
}
