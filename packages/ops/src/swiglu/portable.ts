import { mul, sigmoid, tidy, type Tensor } from '@tensorflow/tfjs-core';

/** silu(gate) * up. */
export function swigluPortable(gate: Tensor, up: Tensor): Tensor {
  return tidy(() => mul(mul(gate, sigmoid(gate)), up));
}
