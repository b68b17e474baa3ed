import type { Tensor } from '@tensorflow/tfjs-core';

import type { Visibility } from './visibility.ts';

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
