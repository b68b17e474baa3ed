import { neg, reshape, tidy, transpose, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { ropePortable } from '../rope/portable.ts';
import type { HeadMove } from './webgpu.ts';

/** As `moveHeadsWebGPU`, an op after the other. */
export function moveHeadsPortable(x: Tensor, { from, to, heads, rope, turn }: HeadMove): Tensor {
  return tidy(() => {
    let y = from === 'split' ? (x as Tensor4D) : splitPortable(x, heads);
    if (rope !== undefined) y = ropePortable(y, rope.cos, turn === 'back' ? neg(rope.sin) : rope.sin);
    if (to === 'split') return y === x ? y.clone() : y;
    const [batch, , tokens, width] = y.shape;
    return reshape(transpose(y, [0, 2, 1, 3]), [batch, tokens, heads * width]);
  });
}

function splitPortable(x: Tensor, heads: number): Tensor4D {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return transpose(reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}
