import { add, div, mul, rsqrt, square, sub, sum, tidy, type Tensor } from '@tensorflow/tfjs-core';

/** (x - mean) / sqrt(variance + eps) and 1 / sqrt(variance + eps): [..., D] -> [..., D], [..., 1]. */
export function standardise(x: Tensor, eps: number): [normalised: Tensor, inverseDeviation: Tensor] {
  const width = x.shape.at(-1)!;
  const centred = sub(x, div(sum(x, -1, true), width));
  const inverseDeviation = rsqrt(add(div(sum(square(centred), -1, true), width), eps));
  return [mul(centred, inverseDeviation), inverseDeviation];
}

/** x [..., D], weight [D], bias [D] -> [..., D]. */
export function layerNormPortable(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return tidy(() => add(mul(standardise(x, eps)[0], weight), bias));
}
