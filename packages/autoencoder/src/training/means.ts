import { abs, mean, reshape, square, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

/** In two stages: TensorFlow.js gives a full mean to a single workgroup. */
function meanOf(x: Tensor): Scalar {
  return mean(mean(reshape(x, [x.shape[0]! * x.shape[1]!, -1]), 1));
}

/** mean |x|; x `[A, B, ...]`. Owned by the caller. */
export function meanAbsolute(x: Tensor): Scalar {
  return tidy(() => meanOf(abs(x)));
}

/** mean x^2; x `[A, B, ...]`. Owned by the caller. */
export function meanSquare(x: Tensor): Scalar {
  return tidy(() => meanOf(square(x)));
}
