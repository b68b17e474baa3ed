import { add, concat, div, matMul, ones, relu, slice, split, sum, tidy, type Tensor } from '@tensorflow/tfjs-core';

const EPS = 1e-15;

/**
 * Attention with relu features in the place of a softmax, in whichever order of products is cheaper: with more tokens
 * than `E` by way of keys times values, else by way of the map.
 *
 * @param qkv `[B, G, N, 3 E]`: queries, keys and values of G heads
 * @returns `[B, G, N, E]`, owned by the caller
 * @see `SanaMultiscaleLinearAttention` of diffusers
 */
export function linearAttention(qkv: Tensor): Tensor {
  const [batch, heads, tokens, width] = qkv.shape as [number, number, number, number];
  const headDim = width / 3;
  return tidy(() => {
    const [query, key, value] = split(qkv, 3, 3) as [Tensor, Tensor, Tensor];
    const [q, k] = [relu(query), relu(key)];
    if (tokens > headDim) {
      const counted = concat([value, ones([batch, heads, tokens, 1])], 3);
      const weighted = matMul(q, matMul(k, counted, true)); // [B, G, N, E + 1]: sums, and what they are divided by
      const sums = slice(weighted, [0, 0, 0, 0], [-1, -1, -1, headDim]);
      return div(sums, add(slice(weighted, [0, 0, 0, headDim], [-1, -1, -1, 1]), EPS));
    }
    const scores = matMul(q, k, false, true); // [B, G, N, N]
    return matMul(div(scores, add(sum(scores, 3, true), EPS)), value);
  });
}
