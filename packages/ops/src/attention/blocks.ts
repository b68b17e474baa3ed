import { concat, type Tensor } from '@tensorflow/tfjs-core';

import type { Visibility } from './visibility.ts';
import { occupancy } from './tile.ts';

/** Queries, and the keys and values of the context and their own block. */
export interface AttentionBlocks {
  /** `[B, H, N, E]` */
  readonly query: Tensor;
  /** `[B, G, N, E]`, as `value`. */
  readonly key: Tensor;
  readonly value: Tensor;
  /** `[B, G, T, E]`, as `contextValue`, or neither. */
  readonly contextKey?: Tensor;
  readonly contextValue?: Tensor;
  readonly visibility?: Visibility;
}

export interface BlockSizes {
  /** B G: pairs of a batch member and a key/value head. */
  readonly batches: number;
  readonly groups: number;
  /** H / G N: the rows of all query heads of a key/value head, which lie one after another. */
  readonly rows: number;
  readonly queries: number;
  readonly contextTokens: number;
  /** T + N. */
  readonly keys: number;
  readonly width: number;
}

export function blockSizes({ query, key, contextKey }: AttentionBlocks): BlockSizes {
  const [batch, heads, queries, width] = query.shape as [number, number, number, number];
  const groups = key.shape[1]!;
  const contextTokens = contextKey?.shape[2] ?? 0;
  const rows = (heads / groups) * queries;
  return { batches: batch * groups, groups, rows, queries, contextTokens, keys: contextTokens + queries, width };
}

/** Buffers of keys and values as a program binds them. */
export interface KeyBuffers {
  readonly tensors: readonly Tensor[];
  /** The context is bound on its own. */
  readonly hasContext: boolean;
  /** Keys between two heads of the own block's buffers. */
  readonly ownPitch: number;
}

/**
 * Context and own block as they lie, or, where a program of `others` more buffers would bind more than the device
 * allows, one after the other in copies.
 */
export function keyBuffers(blocks: AttentionBlocks, others: number): KeyBuffers {
  const { key, value, contextKey, contextValue } = blocks;
  const { queries, keys } = blockSizes(blocks);
  if (contextKey === undefined || contextValue === undefined || contextKey.size === 0) {
    return { tensors: [key, value], hasContext: false, ownPitch: queries };
  }
  if (others + 4 <= occupancy().buffers) {
    return { tensors: [key, value, contextKey, contextValue], hasContext: true, ownPitch: queries };
  }
  const tensors = [concat([contextKey, key], 2), concat([contextValue, value], 2)];
  return { tensors, hasContext: false, ownPitch: keys };
}
