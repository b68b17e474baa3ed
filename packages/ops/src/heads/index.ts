import { LatteFlowError, requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { RopeTables } from '../rope/tables.ts';
import { moveHeads } from './move-heads.ts';

/**
 * Puts the heads of projected tokens apart, and rotates them by their positions if tables are given.
 *
 * @param x `[B, N, H * E]` float32, borrowed
 * @param rope `[B, N, E]` each; constants: no gradient reaches them
 * @returns `[B, H, N, E]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function splitHeads(x: Tensor, heads: number, rope?: RopeTables): Tensor {
  const { B, N, D } = requireShape('splitHeads', 'x', x.shape, ['B', 'N', 'D']);
  const width = D! / heads;
  if (!Number.isInteger(width) || width === 0) {
    throw new LatteFlowError('shape-mismatch', {
      where: 'splitHeads',
      expected: 'a width that the number of heads divides',
      got: `${D} and ${heads}`,
      remedy: 'Check num_heads and head_dim.',
    });
  }
  if (rope !== undefined) {
    requireShape('splitHeads', 'rope.cos', rope.cos.shape, [B!, N!, width]);
    requireShape('splitHeads', 'rope.sin', rope.sin.shape, [B!, N!, width]);
  }
  return moveHeads(x, { from: 'joined', to: 'split', heads, rope });
}

/**
 * The inverse of `splitHeads` without a rotation.
 *
 * @param x `[B, H, N, E]` float32, borrowed
 * @returns `[B, N, H * E]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function joinHeads(x: Tensor): Tensor {
  const { H } = requireShape('joinHeads', 'x', x.shape, ['B', 'H', 'N', 'E']);
  return moveHeads(x, { from: 'split', to: 'joined', heads: H! });
}
