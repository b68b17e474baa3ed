import { matMul, mul, reshape, softmax, sub, sum, type Tensor4D } from '@tensorflow/tfjs-core';

import { weightedValues } from './portable.ts';

/**
 * Gradients of softmax(scores) value: dy [B, H, N, E] -> [dscores [B, H, N, S], dvalue [B, G, S, E]].
 * dscores = P (dP - rowsum(dy output)), dP = dy value^T.
 */
export function attendGradient(dy: Tensor4D, scores: Tensor4D, value: Tensor4D): [Tensor4D, Tensor4D] {
  const [batch, heads, queries, keys] = scores.shape;
  const [, groups, , width] = value.shape;
  const rows = (heads / groups) * queries;
  const weights = softmax(scores); // [B, H, N, S]
  const stackedDy = reshape(dy, [batch, groups, rows, width]);
  const dValue = matMul(reshape(weights, [batch, groups, rows, keys]), stackedDy, true, false) as Tensor4D;
  const dWeights = reshape(matMul(stackedDy, value, false, true), [batch, heads, queries, keys]);
  const projection = sum(mul(dy, weightedValues(weights, value)), -1, true); // [B, H, N, 1]
  return [mul(weights, sub(dWeights, projection)), dValue];
}

/** dy, previous [B, H, N, N], gate [B, H, 1, 1] -> [dmap, dprevious, dgate]. */
export function gatedMapGradient(dy: Tensor4D, previous: Tensor4D, gate: Tensor4D): [Tensor4D, Tensor4D, Tensor4D] {
  const [batch, heads, queries, keys] = dy.shape;
  const products = reshape(mul(dy, previous), [batch * heads, queries * keys]);
  const dGate = reshape(sum(products, 1), [batch, heads, 1, 1]) as Tensor4D;
  return [dy.clone(), mul(dy, gate), dGate];
}
