import { requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { normForward } from '../norm-rows/forward.ts';
import { withGradient } from '../with-gradient.ts';
import { layerNormGradient } from './gradient.ts';
import { layerNormPortable } from './portable.ts';

/**
 * weight * (x - mean) / sqrt(variance + eps) + bias over the last axis.
 *
 * @param x `[..., D]` float32, borrowed
 * @param weight `[D]`
 * @param bias `[D]`
 * @returns `[..., D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const width = x.shape.at(-1)!;
  requireShape('layerNorm', 'weight', weight.shape, [width]);
  requireShape('layerNorm', 'bias', bias.shape, [width]);
  return withGradient(
    [x, weight, bias],
    (x_, weight_, bias_) =>
      kernelOr(
        [x_],
        (features) => normForward('layer', [x_, weight_, bias_], { eps, ...features }),
        () => layerNormPortable(x_, weight_, bias_, eps),
      ),
    (dy, x_, weight_) => layerNormGradient(dy, x_, weight_, eps),
  );
}
