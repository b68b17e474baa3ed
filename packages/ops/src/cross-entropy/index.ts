import { requireShape } from '@latte-flow/core';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { withGradient } from '../with-gradient.ts';
import { crossEntropyGradientPortable, crossEntropyPortable } from './portable.ts';
import { crossEntropyGradientWebGPU, crossEntropyWebGPU } from './webgpu.ts';

/**
 * Mean cross-entropy over the weighted rows: sum(w_i nll_i) / sum(w_i), 0 if all weights are 0.
 *
 * @param logits `[M, V]` float32, borrowed
 * @param labels `[M]` int32 in [0, V); any value where the weight is 0
 * @param weights `[M]` float32, not negative; no gradient reaches it
 * @returns a scalar, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor, weights: Tensor): Scalar {
  const { M } = requireShape('softmaxCrossEntropy', 'logits', logits.shape, ['M', 'V']);
  requireShape('softmaxCrossEntropy', 'labels', labels.shape, [M!]);
  requireShape('softmaxCrossEntropy', 'weights', weights.shape, [M!]);
  return withGradient(
    [logits as Tensor2D],
    (logits_) =>
      kernelOr(
        [logits_],
        (features) => crossEntropyWebGPU(logits_, labels as Tensor1D, weights as Tensor1D, features),
        () => crossEntropyPortable(logits_, labels as Tensor1D, weights as Tensor1D),
      ) as Tensor,
    (dy, logits_, labels_, weights_) => [
      kernelOr(
        [logits_],
        (features) => crossEntropyGradientWebGPU(dy, logits_, labels_, weights_, features),
        () => crossEntropyGradientPortable(dy, logits_, labels_, weights_),
      ),
    ],
    [labels as Tensor1D, weights as Tensor1D],
  ) as Scalar;
}
