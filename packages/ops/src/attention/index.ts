import { LatteFlowError, requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { attentionComposed } from './composition.ts';
import { attentionFused, isFusible } from './fused.ts';
import type { AttentionInputs, AttentionResult } from './inputs.ts';

export { attentionVisibility } from './visibility.ts';
export type { Visibility, VisibilityOptions } from './visibility.ts';
export type { AttentionInputs, AttentionResult, ResidualForm, ResidualMap } from './inputs.ts';

function requireInputs({ query, key, value, context, visibility, residual }: AttentionInputs): void {
  const { B, H, N, E } = requireShape('attention', 'query', query.shape, ['B', 'H', 'N', 'E']);
  const { G } = requireShape('attention', 'key', key.shape, [B!, 'G', N!, E!]);
  requireShape('attention', 'value', value.shape, [B!, G!, N!, E!]);
  if (H! % G! !== 0) {
    throw new LatteFlowError('shape-mismatch', {
      where: 'attention',
      expected: 'a number of query heads that the key/value heads divide',
      got: `${H} and ${G}`,
      remedy: 'Check num_heads and num_kv_heads.',
    });
  }
  let contextTokens = 0;
  if (context !== undefined) {
    const { T } = requireShape('attention', 'context.key', context.key.shape, [B!, G!, 'T', E!]);
    requireShape('attention', 'context.value', context.value.shape, [B!, G!, T!, E!]);
    contextTokens = T!;
  }
  if (visibility !== undefined) {
    const rows = visibility.bias.shape[2] === 1 ? 1 : N!;
    requireShape('attention', 'visibility.bias', visibility.bias.shape, [B!, 1, rows, contextTokens + N!]);
  }
  if (residual?.previous !== undefined) {
    requireShape('attention', 'residual.previous', residual.previous.shape, [B!, H!, N!, N!]);
    requireShape('attention', 'residual.gate', residual.gate?.shape ?? [], [B!, H!]);
  }
}

function tensorsOf({ query, key, context }: AttentionInputs): Tensor[] {
  return context === undefined ? [query, key] : [query, key, context.key];
}

/**
 * Scaled dot-product attention of one block of queries over a context block and its own, with grouped heads and
 * LaTtE-Flow's carried map: A <- A + gate * previous on the own block, before (`scores`) or after (`probabilities`)
 * the softmax over both blocks.
 *
 * @throws LatteFlowError `shape-mismatch`
 * @see `FlowAttention.forward` of the reference
 */
export function attention(inputs: AttentionInputs): AttentionResult {
  requireInputs(inputs);
  return kernelOr(
    tensorsOf(inputs),
    () => (isFusible(inputs) ? attentionFused(inputs) : attentionComposed(inputs)),
    () => attentionComposed(inputs),
  );
}
