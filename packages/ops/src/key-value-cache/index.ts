import { requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { storeTokensWebGPU } from './webgpu.ts';

/** Keys after RoPE and values of some tokens, float32 `[B, G, N, E]` each. */
export interface KeysAndValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * Writes the keys and values of N tokens into a cache with room for C, in place, from the token `start` on; what goes
 * beyond the room is left out. On WebGPU alone: TensorFlow.js' other backends have no tensors that can be written to.
 *
 * @param tokens `[B, G, N, E]`, borrowed
 * @param cache `[B, G, C, E]`, written to
 * @param start int32 `[1]`, borrowed: a tensor, so that a captured step can go on
 * @throws LatteFlowError `shape-mismatch`; `backend-unavailable` off WebGPU
 */
export function storeTokens(tokens: KeysAndValues, cache: KeysAndValues, start: Tensor): void {
  const where = 'storeTokens';
  const sizes = requireShape(where, 'tokens.key', tokens.key.shape, ['B', 'G', 'N', 'E']);
  requireShape(where, 'tokens.value', tokens.value.shape, ['B', 'G', 'N', 'E'], sizes);
  const { C } = requireShape(where, 'cache.key', cache.key.shape, [sizes['B']!, sizes['G']!, 'C', sizes['E']!]);
  requireShape(where, 'cache.value', cache.value.shape, [sizes['B']!, sizes['G']!, C!, sizes['E']!]);
  requireShape(where, 'start', start.shape, [1]);
  storeTokensWebGPU(tokens, cache, start);
}
