import {
  add,
  addN,
  div,
  minimum,
  mul,
  pad,
  reshape,
  scalar,
  sqrt,
  square,
  sum,
  tidy,
  type Scalar,
  type Tensor1D,
} from '@tensorflow/tfjs-core';

import type { ClipOptions, GradientScale } from './index.ts';

/** As in torch.nn.utils.clip_grad_norm_. */
export const CLIP_EPSILON = 1e-6;

/** Rows are reduced apart, then their sums: errors grow with the row, and WebGPU gives a row to each workgroup. */
const ROW = 1024;

function sumOfSquares(vector: Tensor1D): Scalar {
  const rest = (ROW - (vector.size % ROW)) % ROW;
  const rows = rest === 0 ? vector : pad(vector, [[0, rest]]);
  return sum(sum(square(reshape(rows, [-1, ROW])), 1));
}

export function gradientScalePortable(
  vectors: readonly Tensor1D[],
  { limit, batches }: Required<ClipOptions>,
): GradientScale {
  return tidy(() => {
    const norm = mul(sqrt(addN(vectors.map(sumOfSquares))), 1 / batches) as Scalar;
    if (limit === Infinity) return { norm, factor: scalar(1 / batches) };
    return { norm, factor: mul(minimum(1, div(limit, add(norm, CLIP_EPSILON))), 1 / batches) as Scalar };
  });
}
