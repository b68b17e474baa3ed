import { convolution } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

/** The convolution whose parameters lie in a scope, with its bias if there is one. */
export function convolve(x: Tensor, parameters: ParameterScope, stride = 1): Tensor4D {
  return tidy(() => {
    const bias = parameters.has('bias') ? parameters.get('bias') : undefined;
    return convolution(x, parameters.get('weight'), { bias, stride });
  });
}
