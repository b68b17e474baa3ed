import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { withGradient } from '../with-gradient.ts';
import { activationGradientPortable, activationPortable } from './portable.ts';
import { activationGradientWebGPU, activationWebGPU, type ActivationName } from './webgpu.ts';

// Each takes [...] float32, which it borrows, and returns the same shape, owned by the caller.

function activation(name: ActivationName, x: Tensor): Tensor {
  return withGradient(
    [x],
    (x_) =>
      kernelOr(
        [x_],
        () => activationWebGPU(name, x_),
        () => activationPortable(name, x_),
      ),
    (dy, x_) => [
      kernelOr(
        [x_],
        () => activationGradientWebGPU(name, dy, x_),
        () => activationGradientPortable(name, dy, x_),
      ),
    ],
  );
}

/** x sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return activation('silu', x);
}

/** The exact Gaussian error linear unit, x (1 + erf(x / sqrt 2)) / 2. */
export function gelu(x: Tensor): Tensor {
  return activation('gelu', x);
}

/** x sigmoid(1.702 x), the approximation that CLIP and Qwen2-VL's vision tower use. */
export function quickGelu(x: Tensor): Tensor {
  return activation('quickGelu', x);
}

/** The Gaussian error linear unit by tanh, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as SigLIP's vision tower has it. */
export function geluTanh(x: Tensor): Tensor {
  return activation('geluTanh', x);
}
