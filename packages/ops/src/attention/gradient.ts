import { mul, reshape, softmax, sub, sum, type Rank, type Tensor4D } from '@tensorflow/tfjs-core';

import { batchedProduct } from '../product/index.ts';
import { weightedValues } from './portable.ts';

/** Stacks the queries of one key/value head along N: [B, H, N, X] -> [B, G, H / G * N, X]. */
function stack(x: Tensor4D, groups: number): Tensor4D {
  const [batch, heads, queries, width] = x.shape;
  return reshape<Rank.R4>(x, [batch, groups, (heads / groups) * queries, width]);
}

/** dscores [B, H, N, S] -> [dquery [B, H, N, E], dkey [B, G, S, E]] of query key^T / sqrt(E). */
export function scaledScoresGradient(dScores: Tensor4D, query: Tensor4D, key: Tensor4D): [Tensor4D, Tensor4D] {
  const [, groups, , width] = key.shape;
  const stacked: Tensor4D = mul(stack(dScores, groups), 1 / Math.sqrt(width));
  const dQuery = reshape<Rank.R4>(batchedProduct(stacked, key), query.shape);
  return [dQuery, batchedProduct(stacked, stack(query, groups), { transposeA: true })];
}

/** dy [B, H, N, E] -> [dweights [B, H, N, S], dvalue [B, G, S, E]] of weights value. */
export function weightedValuesGradient(dy: Tensor4D, weights: Tensor4D, value: Tensor4D): [Tensor4D, Tensor4D] {
  const groups = value.shape[1];
  const stacked = stack(dy, groups);
  const dWeights = reshape<Rank.R4>(batchedProduct(stacked, value, { transposeB: true }), weights.shape);
  return [dWeights, batchedProduct(stack(weights, groups), stacked, { transposeA: true })];
}

/**
 * Gradients of softmax(scores) value: dy [B, H, N, E] -> [dscores [B, H, N, S], dvalue [B, G, S, E]].
 * dscores = P (dP - rowsum(dy output)), dP = dy value^T.
 */
export function attendGradient(dy: Tensor4D, scores: Tensor4D, value: Tensor4D): [Tensor4D, Tensor4D] {
  const weights = softmax(scores); // [B, H, N, S]
  const [dWeights, dValue] = weightedValuesGradient(dy, weights, value);
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
