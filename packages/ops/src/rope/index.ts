import { requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { moveHeads } from '../heads/move-heads.ts';
import type { RopeTables } from './tables.ts';

export { composeRope, ropeTables } from './tables.ts';
export type { RopeOptions, RopePositions, RopeTables } from './tables.ts';

/**
 * Rotary position embedding: x cos + rotate_half(x) sin. The tables are constants: no gradient reaches them.
 *
 * @param x `[B, H, S, E]` float32, borrowed
 * @param tables `[B, S, E]` each
 * @returns `[B, H, S, E]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 * @see the reference implementation `apply_rope`
 */
export function applyRope(x: Tensor, { cos, sin }: RopeTables): Tensor {
  const { B, H, S, E } = requireShape('applyRope', 'x', x.shape, ['B', 'H', 'S', 'E']);
  requireShape('applyRope', 'cos', cos.shape, [B!, S!, E!]);
  requireShape('applyRope', 'sin', sin.shape, [B!, S!, E!]);
  return moveHeads(x, { from: 'split', to: 'split', heads: H!, rope: { cos, sin } });
}
