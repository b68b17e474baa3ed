import { add, mul, sigmoid, sub, type Tensor } from '@tensorflow/tfjs-core';

/** dy, gate, up [..., I] -> [dgate, dup]. silu'(g) = s + silu(g) (1 - s), s = sigmoid(g). */
export function swigluGradient(dy: Tensor, gate: Tensor, up: Tensor): [Tensor, Tensor] {
  const s = sigmoid(gate);
  const silu = mul(gate, s);
  const slope = add(s, mul(silu, sub(1, s)));
  return [mul(mul(dy, up), slope), mul(dy, silu)];
}
