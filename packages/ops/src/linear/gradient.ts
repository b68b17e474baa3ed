import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import type { Weight } from '@latte-flow/runtime';

import type { Precision } from '../kernel/precision.ts';
import { product } from '../product/index.ts';
import { sumRows } from '../reduction/index.ts';

/** dy [M, O], x [M, I], weight [O, I] -> dx [M, I]. */
export function linearInputGradient(dy: Tensor2D, weight: Weight, precision: Precision): Tensor2D {
  return product(dy, weight, { precision });
}

/** dy [M, O], x [M, I] -> dweight [O, I]. */
export function linearWeightGradient(dy: Tensor2D, x: Tensor2D, precision: Precision): Tensor2D {
  return product(dy, x, { transposeA: true, precision });
}

/** dy [M, O] -> dbias [O]. */
export function linearBiasGradient(dy: Tensor2D): Tensor1D {
  return sumRows(dy);
}
