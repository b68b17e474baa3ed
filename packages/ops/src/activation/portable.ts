import { add, erf, exp, mul, sigmoid, square, sub, tanh, tidy, type Tensor } from '@tensorflow/tfjs-core';

import type { ActivationName } from './webgpu.ts';

interface Activation {
  value(x: Tensor): Tensor;
  /** dy/dx. */
  slope(x: Tensor): Tensor;
}

/** x sigmoid(u) with u = rate x: its slope is s + x s (1 - s) rate. */
function gated(rate: number): Activation {
  return {
    value: (x) => mul(x, sigmoid(mul(x, rate))),
    slope: (x) => {
      const s = sigmoid(mul(x, rate));
      return add(s, mul(mul(mul(x, rate), s), sub(1, s)));
    },
  };
}

const [TANH_SCALE, CUBIC] = [Math.sqrt(2 / Math.PI), 0.044715];
const tanhArgument = (x: Tensor): Tensor => mul(mul(x, TANH_SCALE), add(mul(square(x), CUBIC), 1));
const normalCdf = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);

/** In TensorFlow.js' ops. Nothing is freed on the way: to be called in a `tidy`. */
export const portable: Readonly<Record<ActivationName, Activation>> = {
  silu: gated(1),
  quickGelu: gated(1.702),
  gelu: {
    value: (x) => mul(x, normalCdf(x)),
    slope: (x) => add(normalCdf(x), mul(x, mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI)))),
  },
  geluTanh: {
    value: (x) => mul(mul(x, 0.5), add(tanh(tanhArgument(x)), 1)),
    slope: (x) => {
      const t = tanh(tanhArgument(x));
      const inner = mul(add(mul(square(x), 3 * CUBIC), 1), TANH_SCALE);
      return mul(add(add(t, 1), mul(mul(x, sub(1, square(t))), inner)), 0.5);
    },
  },
};

export function activationPortable(name: ActivationName, x: Tensor): Tensor {
  return tidy(() => portable[name].value(x));
}

/** dy, x [...] -> dx. */
export function activationGradientPortable(name: ActivationName, dy: Tensor, x: Tensor): Tensor {
  return tidy(() => mul(dy, portable[name].slope(x)));
}
