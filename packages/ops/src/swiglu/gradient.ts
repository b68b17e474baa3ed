import { add, mul, sigmoid, sub, type Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { swigluGradientWebGPU } from './webgpu.ts';

/** dy, gate, up [..., I] -> [dgate, dup]. */
export function swigluGradient(dy: Tensor, gate: Tensor, up: Tensor): readonly Tensor[] {
  return kernelOr(
    [gate],
    () => swigluGradientWebGPU(dy, gate, up),
    () => portable(dy, gate, up),
  );
}

/** silu'(g) = s + silu(g) (1 - s), s = sigmoid(g). */
function portable(dy: Tensor, gate: Tensor, up: Tensor): [Tensor, Tensor] {
  const s = sigmoid(gate);
  const silu = mul(gate, s);
  const slope = add(s, mul(silu, sub(1, s)));
  return [mul(mul(dy, up), slope), mul(dy, silu)];
}
