import { LatteFlowError, requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';

/** What the backbone knows of a batch of prompts, layer by layer. Owned by whoever encoded it. */
export interface PromptContext {
  /** Keys (after RoPE) and values of backbone layer l, `[B, G, T, E]`; at least up to the layers that are run. */
  readonly layers: readonly { readonly key: Tensor; readonly value: Tensor }[];
  /** `[B, T]` bool or int32, true = visible; padding may be on either side. */
  readonly mask: Tensor;
  /** 1 + the largest position among each row's visible tokens, `[B]`. */
  readonly end: ArrayLike<number>;
}

interface ExpectedContext {
  readonly batch: number;
  /** That are run. */
  readonly layers: number;
  readonly config: LatteFlowConfig;
}

/** @throws LatteFlowError `shape-mismatch` if keys and values do not fit the stream or the mask. */
export function requireContextLayers(
  where: string,
  { layers: found, mask }: Pick<PromptContext, 'layers' | 'mask'>,
  { batch, layers, config }: ExpectedContext,
): void {
  const { numKvHeads, headDim } = config;
  const { T } = requireShape(where, 'context.mask', mask.shape, [batch, 'T']);
  if (found.length < layers) {
    throw new LatteFlowError('shape-mismatch', {
      where,
      expected: `keys and values of ${layers} backbone layers`,
      got: `${found.length}`,
      remedy: 'Encode the prompt up to the layer that the group ends at.',
    });
  }
  for (const [i, { key, value }] of found.entries()) {
    requireShape(where, `context.layers[${i}].key`, key.shape, [batch, numKvHeads, T!, headDim]);
    requireShape(where, `context.layers[${i}].value`, value.shape, [batch, numKvHeads, T!, headDim]);
  }
}

/** @throws LatteFlowError `shape-mismatch` if the context does not fit the stream or the batch. */
export function requireContext(where: string, context: PromptContext, expected: ExpectedContext): void {
  requireContextLayers(where, context, expected);
  requireShape(where, 'context.end', [context.end.length], [expected.batch]);
}
