import { elementCount, requireShape } from '@latte-flow/core';
import { mul, square, sub, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { elementwise } from '../kernel/elementwise.ts';
import { kernelOr } from '../kernel/selection.ts';
import { fullSum } from '../reduction/full-sum.ts';
import { fullSumPortable } from '../reduction/portable.ts';
import { withGradient } from '../with-gradient.ts';

const backward = elementwise({
  name: 'meanSquaredErrorGradient',
  inputs: ['prediction', 'wanted'], // WGSL keeps `target` for itself
  scalars: ['dy'],
  params: ['factor'],
  outputs: { dprediction: '(prediction - wanted) * (dy * params.factor)' },
});

/** dy [], prediction, target [...] -> dprediction = (prediction - target) dy factor. */
function gradient(dy: Tensor, prediction: Tensor, target: Tensor, factor: number): Tensor {
  return kernelOr(
    [prediction],
    () => backward({ tensors: [prediction, target, dy], params: [factor], shape: prediction.shape })[0]!,
    () => mul(sub(prediction, target), mul(dy, factor)),
  );
}

/**
 * mean((prediction - target)^2) over all elements.
 *
 * @param prediction `[...]` float32, borrowed
 * @param target `[...]`, the same shape; no gradient reaches it
 * @returns a scalar, owned by the caller; 0 for empty tensors
 * @throws LatteFlowError `shape-mismatch`
 */
export function meanSquaredError(prediction: Tensor, target: Tensor): Scalar {
  requireShape('meanSquaredError', 'target', target.shape, prediction.shape);
  const share = 1 / Math.max(1, elementCount(prediction.shape));
  return withGradient(
    [prediction],
    (prediction_) =>
      kernelOr(
        [prediction_],
        (features) => fullSum('squaredDifference', [prediction_, target], { ...features, factor: share }),
        () => tidy(() => fullSumPortable(square(sub(prediction_, target)), share)),
      ),
    (dy, prediction_, target_) => [gradient(dy, prediction_, target_, 2 * share)],
    [target],
  );
}
