import {
  add,
  addN,
  div,
  minimum,
  mul,
  reshape,
  sqrt,
  square,
  sum,
  tidy,
  type Scalar,
  type Tensor1D,
} from '@tensorflow/tfjs-core';

import { ROW } from './parameter-block.ts';

/** As in torch.nn.utils.clip_grad_norm_. */
const CLIP_EPSILON = 1e-6;

/**
 * Two-stage sum of squares: rows first. On WebGPU a full reduction of a vector is the work of a single workgroup
 * (10 ms for 6 M elements); rows are reduced by one workgroup each.
 */
function sumOfSquares(flat: Tensor1D): Scalar {
  return sum(sum(square(reshape(flat, [flat.size / ROW, ROW])), 1));
}

/** The norm of all vectors taken as one. Lengths are multiples of `ROW`. The caller owns the scalar; nothing is read back. */
export function globalNorm(vectors: readonly Tensor1D[]): Scalar {
  return tidy(() => sqrt(addN(vectors.map(sumOfSquares))));
}

/** min(1, limit / (norm + 1e-6)), a tensor: the factor that clips gradients of that norm. */
export function clipFactor(norm: Scalar, limit: number): Scalar {
  return tidy(() => minimum(1, div(limit, add(norm, CLIP_EPSILON))) as Scalar);
}

/** The gradients are sums over micro-batches: the factor that makes means of them, clipped if `limit` is given. */
export function gradientFactor(
  meanNorm: Scalar | undefined,
  { limit, microBatches }: { limit?: number; microBatches: number },
): Scalar | number {
  if (limit === undefined || meanNorm === undefined) return 1 / microBatches;
  return tidy(() => mul(clipFactor(meanNorm, limit), 1 / microBatches) as Scalar);
}
