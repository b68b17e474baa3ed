import type { Tensor } from '@tensorflow/tfjs-core';

import { elementwise } from '../kernel/elementwise.ts';
import { SIGMOID } from '../kernel/sigmoid.ts';

/**
 * Abramowitz and Stegun 7.1.26, within 1.5e-7, on the side where the tail is small: `tail` is Phi(-|x|), which keeps its relative
 * precision where 1 + erf would cancel.
 */
const NORMAL = /* wgsl */ `
  fn bell(x: Value) -> Value { return exp(-0.5 * min(x * x, Value(174.0))); }
  fn normal_cdf(x: Value) -> Value {
    let z = abs(x);
    let t = 1.0 / (1.0 + ${0.3275911 * Math.SQRT1_2} * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let tail = 0.5 * series * bell(x);
    return select(tail, 1.0 - tail, x > Value());
  }`;

/**
 * (1 + tanh(a)) / 2 is sigmoid(2a). Beyond +-20 the sigmoid is 0 or 1 in float32, and a cube is not needed.
 */
const TANH = /* wgsl */ `
  fn twice(x: Value) -> Value {
    let c = clamp(x, Value(-20.0), Value(20.0));
    return ${2 * Math.sqrt(2 / Math.PI)} * c * (1.0 + 0.044715 * c * c);
  }
  fn twice_slope(x: Value) -> Value {
    let c = clamp(x, Value(-20.0), Value(20.0));
    return ${2 * Math.sqrt(2 / Math.PI)} * (1.0 + 0.134145 * c * c);
  }`;

/** y and dy/dx, WGSL on `Value`s. */
const FORMS = {
  silu: { y: 'x * sigmoid(x)', slope: 'sigmoid(x) + x * sigmoid_slope(x)', functions: SIGMOID },
  quickGelu: {
    y: 'x * sigmoid(1.702 * x)',
    slope: 'sigmoid(1.702 * x) + 1.702 * x * sigmoid_slope(1.702 * x)',
    functions: SIGMOID,
  },
  gelu: {
    y: 'x * normal_cdf(x)',
    slope: `normal_cdf(x) + x * bell(x) * ${1 / Math.sqrt(2 * Math.PI)}`,
    functions: NORMAL,
  },
  geluTanh: {
    y: 'x * sigmoid(twice(x))',
    slope: 'sigmoid(twice(x)) + x * sigmoid_slope(twice(x)) * twice_slope(x)',
    functions: SIGMOID + TANH,
  },
} as const;

export type ActivationName = keyof typeof FORMS;

const kernels = new Map(
  Object.entries(FORMS).map(([name, { y, slope, functions }]) => [
    name,
    {
      forward: elementwise({ name, inputs: ['x'], outputs: { y }, functions }),
      backward: elementwise({
        name: `${name}Gradient`,
        inputs: ['dy', 'x'],
        outputs: { dx: `dy * (${slope})` },
        functions,
      }),
    },
  ]),
);

export function activationWebGPU(name: ActivationName, x: Tensor): Tensor {
  return kernels.get(name)!.forward({ tensors: [x], shape: x.shape })[0]!;
}

/** dy, x [...] -> dx. */
export function activationGradientWebGPU(name: ActivationName, dy: Tensor, x: Tensor): Tensor {
  return kernels.get(name)!.backward({ tensors: [dy, x], shape: x.shape })[0]!;
}
