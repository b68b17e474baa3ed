import { add, mean, mul, rsqrt, square, tidy, type Tensor } from '@tensorflow/tfjs-core';

/** 1 / sqrt(mean(x^2) + eps): [..., D] -> [..., 1]. */
export function inverseRms(x: Tensor, eps: number): Tensor {
  return tidy(() => rsqrt(add(mean(square(x), -1, true), eps)));
}

/** x [..., D], weight [D] -> [..., D]. */
export function rmsNormPortable(x: Tensor, weight: Tensor, eps: number): Tensor {
  return tidy(() => mul(mul(x, inverseRms(x, eps)), weight));
}
