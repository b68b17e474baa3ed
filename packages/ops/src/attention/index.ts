import { LatteFlowError, requireShape } from '@latte-flow/core';
import { add, concat, mul, reshape, softmax, tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { withGradient } from '../with-gradient.ts';
import { attendGradient, gatedMapGradient, scaledScoresGradient, weightedValuesGradient } from './gradient.ts';
import { attendPortable, gatedMapPortable, joinBlocks, scaledScores, splitBlocks, weightedValues } from './portable.ts';
import type { Visibility } from './visibility.ts';

export { attentionVisibility } from './visibility.ts';
export type { Visibility, VisibilityOptions } from './visibility.ts';

/** Where the carried map enters: before the softmax or after it. */
export type ResidualForm = 'scores' | 'probabilities';

export interface ResidualMap {
  readonly form: ResidualForm;
  /** `[B, H, N, N]`: the previous layer's map of the own block. Absent in the first layer of a group. */
  readonly previous?: Tensor;
  /** `[B, H]`: how much of it each head adds. Given with `previous`. */
  readonly gate?: Tensor;
}

export interface AttentionInputs {
  /** `[B, H, N, E]` float32; H is a multiple of G. All tensors are borrowed. */
  readonly query: Tensor;
  /** `[B, G, N, E]`: the own block, keys after RoPE. */
  readonly key: Tensor;
  /** `[B, G, N, E]`. */
  readonly value: Tensor;
  /** Keys and values that come before the own block: `[B, G, T, E]` each. */
  readonly context?: { readonly key: Tensor; readonly value: Tensor };
  /** Default: every query sees every key. */
  readonly visibility?: Visibility;
  /** Asks for the own block's map, and adds the previous one to it. */
  readonly residual?: ResidualMap;
}

export interface AttentionResult {
  /** `[B, H, N, E]`, owned by the caller. A query that sees no key gives 0 and no gradient. */
  readonly output: Tensor;
  /** `[B, H, N, N]`, with its own residual added; owned by the caller. Present if `residual` was given. */
  readonly map?: Tensor;
}

function scoresOf(query: Tensor4D, key: Tensor4D): Tensor4D {
  return withGradient(
    [query, key],
    (query_, key_) => scaledScores(query_, key_),
    (dy, query_, key_) => scaledScoresGradient(dy, query_, key_),
  );
}

function weigh(weights: Tensor4D, value: Tensor4D): Tensor4D {
  return withGradient([weights, value], weightedValues, (dy, weights_, value_) =>
    weightedValuesGradient(dy, weights_, value_),
  );
}

function attend(scores: Tensor4D, value: Tensor4D): Tensor4D {
  return withGradient([scores, value], (scores_, value_) => attendPortable(scores_, value_), attendGradient);
}

function addGated(map: Tensor4D, { previous, gate }: ResidualMap): Tensor4D {
  if (previous === undefined || gate === undefined) return map;
  const [batch, heads] = map.shape;
  return withGradient(
    [map, previous as Tensor4D, reshape(gate, [batch, heads, 1, 1]) as Tensor4D],
    (map_, previous_, gate_) => gatedMapPortable(map_, previous_, gate_),
    (dy, _map, previous_, gate_) => gatedMapGradient(dy, previous_, gate_),
  );
}

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
  const { query, key, value, context, visibility, residual } = inputs;
  const contextTokens = context?.key.shape[2] ?? 0;
  return tidy(() => {
    const keys = (context === undefined ? key : concat([context.key, key], 2)) as Tensor4D; // [B, G, T + N, E]
    const values = (context === undefined ? value : concat([context.value, value], 2)) as Tensor4D;
    const hide = (scores: Tensor4D): Tensor4D => (visibility === undefined ? scores : add(scores, visibility.bias));
    const seen = (rows: Tensor4D): Tensor4D => (visibility?.seen === undefined ? rows : mul(rows, visibility.seen));
    const scores = scoresOf(query as Tensor4D, keys); // [B, H, N, T + N]

    let output: Tensor4D;
    let map: Tensor4D | undefined;
    if (residual === undefined) {
      output = attend(hide(scores), values);
    } else if (residual.form === 'scores') {
      const [onContext, own] = splitBlocks(scores, contextTokens);
      map = addGated(own, residual);
      output = attend(hide(map === own ? scores : joinBlocks(onContext, map)), values);
    } else {
      const weights = seen(softmax(hide(scores)));
      const [onContext, own] = splitBlocks(weights, contextTokens);
      map = addGated(own, residual);
      output = weigh(map === own ? weights : joinBlocks(onContext, map), values);
    }
    output = seen(output);
    return map === undefined ? { output } : { output, map };
  });
}
