import { add, erf, mul, sigmoid, square, tanh, tidy, type Tensor } from '@tensorflow/tfjs-core';

// Short compositions of ops that carry gradients; each takes [...] float32 and returns the same shape, owned by the caller.

/** x sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return tidy(() => mul(x, sigmoid(x)));
}

/** The exact Gaussian error linear unit, x (1 + erf(x / sqrt 2)) / 2. */
export function gelu(x: Tensor): Tensor {
  return tidy(() => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1)));
}

/** x sigmoid(1.702 x), the approximation that CLIP and Qwen2-VL's vision tower use. */
export function quickGelu(x: Tensor): Tensor {
  return tidy(() => mul(x, sigmoid(mul(x, 1.702))));
}

/** The Gaussian error linear unit by tanh, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as SigLIP's vision tower has it. */
export function geluTanh(x: Tensor): Tensor {
  return tidy(() => {
    const inner = mul(mul(x, Math.sqrt(2 / Math.PI)), add(mul(square(x), 0.044715), 1));
    return mul(mul(x, 0.5), add(tanh(inner), 1));
  });
}
