import { elementCount, requireShape } from '@latte-flow/core';
import { div, mul, reshape, square, sub, sum, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { withGradient } from '../with-gradient.ts';

/** The mean in two stages, rows first: TensorFlow.js gives a full sum to a single workgroup. */
function portable(prediction: Tensor, target: Tensor): Scalar {
  const size = elementCount(prediction.shape);
  const width = prediction.shape.at(-1) ?? 1;
  const errors = reshape(square(sub(prediction, target)), [size / width, width]);
  return div(sum(sum(errors, 1)), size);
}

/**
 * mean((prediction - target)^2) over all elements.
 *
 * @param prediction `[...]` float32, borrowed
 * @param target `[...]`, the same shape; no gradient reaches it
 * @returns a scalar, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function meanSquaredError(prediction: Tensor, target: Tensor): Scalar {
  requireShape('meanSquaredError', 'target', target.shape, prediction.shape);
  return withGradient(
    [prediction],
    (prediction_) => tidy(() => portable(prediction_, target)),
    (dy, prediction_, target_) => [
      mul(sub(prediction_, target_), mul(dy, 2 / Math.max(1, elementCount(prediction_.shape)))),
    ],
    [target],
  );
}
