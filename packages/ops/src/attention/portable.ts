import { add, concat, mul, reshape, slice, softmax, tidy, type Tensor4D } from '@tensorflow/tfjs-core';

import { batchedProduct } from '../product/index.ts';

type Size4D = [number, number, number, number];

/**
 * softmax(scores) value, with grouped heads: scores [B, H, N, S], value [B, G, S, E] -> [B, H, N, E]. Queries of one
 * key/value head are stacked along N instead of repeating the value.
 */
export function weightedValues(weights: Tensor4D, value: Tensor4D): Tensor4D {
  const [batch, heads, queries, keys] = weights.shape;
  const [, groups, , width] = value.shape;
  return tidy(() => {
    const stacked = reshape(weights, [batch, groups, (heads / groups) * queries, keys]);
    return reshape(batchedProduct(stacked as Tensor4D, value), [batch, heads, queries, width]);
  });
}

/** query key^T / sqrt(E): [B, H, N, E], [B, G, S, E] -> [B, H, N, S]. */
export function scaledScores(query: Tensor4D, key: Tensor4D): Tensor4D {
  const [batch, heads, queries, width] = query.shape;
  const [, groups, keys] = key.shape;
  return tidy(() => {
    const stacked = reshape(mul(query, 1 / Math.sqrt(width)), [batch, groups, (heads / groups) * queries, width]);
    return reshape(batchedProduct(stacked as Tensor4D, key, { transposeB: true }), [batch, heads, queries, keys]);
  });
}

/** softmax(scores) value in one op. */
export function attendPortable(scores: Tensor4D, value: Tensor4D): Tensor4D {
  return tidy(() => weightedValues(softmax(scores), value));
}

/** Cuts the last axis of [B, H, N, T + N] into the context's and the queries' own keys. */
export function splitBlocks(map: Tensor4D, contextTokens: number): [context: Tensor4D, own: Tensor4D] {
  const [batch, heads, queries, keys] = map.shape;
  const size = (width: number): Size4D => [batch, heads, queries, width];
  return [
    slice(map, [0, 0, 0, 0], size(contextTokens)),
    slice(map, [0, 0, 0, contextTokens], size(keys - contextTokens)),
  ];
}

/** The inverse of `splitBlocks`. */
export function joinBlocks(context: Tensor4D, own: Tensor4D): Tensor4D {
  return concat([context, own], 3);
}

/** map + gate previous; map and previous [B, H, N, N], gate [B, H]. */
export function gatedMapPortable(map: Tensor4D, previous: Tensor4D, gate: Tensor4D): Tensor4D {
  return tidy(() => add(map, mul(gate, previous)));
}
