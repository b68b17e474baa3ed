import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import { product } from '../product/index.ts';
import { sumRows } from '../reduction/index.ts';

/** dy [M, O], x [M, I], weight [O, I] -> dx [M, I]. */
export function linearInputGradient(dy: Tensor2D, weight: Tensor2D): Tensor2D {
  return product(dy, weight);
}

/** dy [M, O], x [M, I] -> dweight [O, I]. */
export function linearWeightGradient(dy: Tensor2D, x: Tensor2D): Tensor2D {
  return product(dy, x, { transposeA: true });
}

/** dy [M, O] -> dbias [O]. */
export function linearBiasGradient(dy: Tensor2D): Tensor1D {
  return sumRows(dy);
}
