import {
  add,
  div,
  mul,
  sqrt,
  square,
  sub,
  tidy,
  type Rank,
  type Scalar,
  type Tensor1D,
  type Variable,
} from '@tensorflow/tfjs-core';

import type { AdamWState, AdamWUpdate, UpdateNumbers } from './index.ts';

/** w (1 - rate) where the mask says so, everywhere without one. */
function decayed(weights: Tensor1D, rate: number, mask: Tensor1D | undefined): Tensor1D {
  if (rate === 0) return weights;
  return mask === undefined ? mul(weights, 1 - rate) : sub(weights, mul(mul(weights, mask), rate));
}

export function adamWPortable(
  { weights, firstMoment, secondMoment, average }: AdamWState,
  gradient: Tensor1D,
  { stepSize, epsilon, decay, decayMask, betas: [beta1, beta2], factor, averageRate = 0 }: AdamWUpdate & UpdateNumbers,
): void {
  tidy(() => {
    const first: Tensor1D = add(mul(firstMoment, beta1), mul(gradient, mul(factor, 1 - beta1)));
    const second: Tensor1D = add(mul(secondMoment, beta2), mul(square(gradient), mul(square(factor), 1 - beta2)));
    const step = mul(div(first, add(sqrt(second), epsilon)), stepSize);
    firstMoment.assign(first);
    secondMoment.assign(second);
    weights.assign(sub(decayed(weights, decay, decayMask), step));
    if (average !== undefined) average.assign(add(average, mul(sub(weights, average), averageRate)));
  });
}

export function movingAveragePortable(average: Variable<Rank.R1>, values: Tensor1D, rate: Scalar): void {
  tidy(() => average.assign(add(average, mul(sub(values, average), rate))));
}
