import { add, div, mul, rsqrt, square, sum, tidy, type Tensor } from '@tensorflow/tfjs-core';

/** 1 / sqrt(mean(x^2) + eps): [..., D] -> [..., 1]. */
export function inverseRms(x: Tensor, eps: number): Tensor {
  return tidy(() => rsqrt(add(div(sum(square(x), -1, true), x.shape.at(-1)!), eps)));
}

/** x [..., D], weight [D] -> [..., D]. */
export function rmsNormPortable(x: Tensor, weight: Tensor, eps: number): Tensor {
  return tidy(() => mul(mul(x, inverseRms(x, eps)), weight));
}
