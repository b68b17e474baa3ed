import type { Tensor } from '@tensorflow/tfjs-core';

import { elementwise } from '../kernel/elementwise.ts';
import { SIGMOID } from '../kernel/sigmoid.ts';

const forward = elementwise({
  name: 'swiglu',
  inputs: ['gate', 'up'],
  outputs: { y: 'gate * sigmoid(gate) * up' },
  functions: SIGMOID,
});

const backward = elementwise({
  name: 'swigluGradient',
  inputs: ['dy', 'gate', 'up'],
  outputs: {
    dgate: 'dy * up * (sigmoid(gate) + gate * sigmoid_slope(gate))',
    dup: 'dy * (gate * sigmoid(gate))',
  },
  functions: SIGMOID,
});

/** silu(gate) * up. */
export function swigluWebGPU(gate: Tensor, up: Tensor): Tensor {
  return forward({ tensors: [gate, up], shape: gate.shape })[0]!;
}

/** dy, gate, up [..., I] -> [dgate, dup]. */
export function swigluGradientWebGPU(dy: Tensor, gate: Tensor, up: Tensor): Tensor[] {
  return backward({ tensors: [dy, gate, up], shape: gate.shape });
}
