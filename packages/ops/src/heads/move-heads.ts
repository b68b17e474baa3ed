import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import type { RopeTables } from '../rope/tables.ts';
import { withGradientOfMany } from '../with-gradient-of-many.ts';
import { moveHeadsPortable } from './portable.ts';
import { moveHeadsWebGPU, type HeadMove } from './webgpu.ts';

function moved(x: Tensor, move: HeadMove): Tensor {
  return kernelOr(
    [x],
    () => moveHeadsWebGPU(x, move),
    () => moveHeadsPortable(x, move),
  );
}

/** Lays heads out anew and rotates them; its gradient moves them back, and turns the other way. */
export function moveHeads(x: Tensor, { from, to, heads, rope }: Omit<HeadMove, 'turn'>): Tensor {
  const [y] = withGradientOfMany('moveHeads', {
    inputs: { x },
    forward(save) {
      if (rope !== undefined) save(rope.cos, rope.sin);
      return [moved(x, { from, to, heads, rope })];
    },
    gradient([dy], [cos, sin]) {
      const tables = rope && ({ cos, sin } as RopeTables);
      return { x: moved(dy!, { from: to, to: from, heads, rope: tables, turn: 'back' }) };
    },
  });
  return y!;
}
