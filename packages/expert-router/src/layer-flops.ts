import { requireInteger } from '@latte-flow/core';

/** The sizes of a LaTtE-Flow layer. */
export interface LayerShape {
  /** D */
  readonly hiddenSize: number;
  /** I, width of the SwiGLU. */
  readonly intermediateSize: number;
  /** H, query heads. */
  readonly heads: number;
  /** G, key and value heads. Default H. */
  readonly kvHeads?: number;
  /** E. Default D / H. */
  readonly headDim?: number;
  /** N, image-latent tokens. */
  readonly tokens: number;
  /** T, context tokens that the latents attend to. Default 0. */
  readonly contextLength?: number;
}

/**
 * Floating-point operations of one layer's matrix products for one image, a multiply-add counted as two:
 *
 *     query, output           4 N D H E
 *     key, value              4 N D G E
 *     scores, weighted values 4 N (N + T) H E
 *     SwiGLU                  6 N D I
 *     modulation, gate        2 D (4 D + H)
 *
 * Norms, softmax, RoPE and activations are left out, as is usual; the context's keys and values come from a cache.
 *
 * @throws LatteFlowError `invalid-argument` unless every size is a positive integer (`contextLength` may be 0).
 */
export function layerFlops(shape: LayerShape): number {
  const { hiddenSize, intermediateSize, heads, kvHeads = heads, tokens, contextLength = 0 } = shape;
  const { headDim = hiddenSize / heads } = shape;
  const sizes = { hiddenSize, intermediateSize, heads, kvHeads, headDim, tokens };
  for (const [name, size] of Object.entries(sizes)) requireInteger('layerFlops', name, size, { min: 1 });
  requireInteger('layerFlops', 'contextLength', contextLength, { min: 0 });
  const projections = 4 * tokens * hiddenSize * (heads + kvHeads) * headDim;
  const attention = 4 * tokens * (tokens + contextLength) * heads * headDim;
  const feedForward = 6 * tokens * hiddenSize * intermediateSize;
  const modulation = 2 * hiddenSize * (4 * hiddenSize + heads);
  return projections + attention + feedForward + modulation;
}
