import { requireShape } from '@latte-flow/core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';

import { withGradient } from '../with-gradient.ts';
import { ropeGradient } from './gradient.ts';
import { ropePortable } from './portable.ts';
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
  const { B, S, E } = requireShape('applyRope', 'x', x.shape, ['B', 'H', 'S', 'E']);
  requireShape('applyRope', 'cos', cos.shape, [B!, S!, E!]);
  requireShape('applyRope', 'sin', sin.shape, [B!, S!, E!]);
  return withGradient(
    [x as Tensor4D],
    (x_) => ropePortable(x_, cos, sin),
    (dy, _x, cos_, sin_) => [ropeGradient(dy, cos_, sin_)],
    [cos, sin],
  );
}
