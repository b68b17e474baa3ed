import { dequantise, isPacked, type Weight } from '@latte-flow/runtime';
import {
  add,
  concat,
  getBackend,
  matMul,
  reshape,
  slice,
  tidy,
  transpose,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

import { precisionOf, type Precision } from '../kernel/precision.ts';
import { kernelOr } from '../kernel/selection.ts';
import { productsWebGPU } from './webgpu.ts';

export interface ProductOptions {
  /** Multiply the transpose of `a`, of `b`. Default false. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

export interface SingleProductOptions extends ProductOptions {
  /** Of the operands. Default: that of the weight. */
  readonly precision?: Precision;
  /** `[N]`, added to every row. */
  readonly bias?: Tensor1D;
  /** `[M, N]`, added to the result. */
  readonly residual?: Tensor2D;
}

/**
 * Rows from which an explicit transposition costs less than it saves: decoding one token would copy whole weight
 * matrices.
 */
const MIN_ROWS = 16;

/** Swaps the last two axes, or not. */
function oriented<T extends Tensor>(x: T, swap: boolean): T {
  if (!swap) return x;
  const order = x.shape.map((_, i) => i);
  return transpose(x, [...order.slice(0, -2), x.rank - 1, x.rank - 2]);
}

/** One 2-D product: a b + bias + residual. `b` may be packed. */
export function product(a: Tensor2D, b: Weight, options: SingleProductOptions = {}): Tensor2D {
  const { transposeA = false, transposeB = false, precision = precisionOf(b), bias, residual } = options;
  return kernelOr(
    isPacked(b) ? [a] : [a, b],
    (features) =>
      productsWebGPU(
        a,
        [b],
        { transposeA, transposeB, precision, residual, ...(bias && { biases: [bias] }) },
        features,
      )[0]!,
    () =>
      tidy(() => {
        let y = productPortable(a, (isPacked(b) ? dequantise(b) : b) as Tensor2D, { transposeA, transposeB });
        if (bias !== undefined) y = add(y, bias);
        return residual === undefined ? y : add(y, residual);
      }),
  );
}

/**
 * TensorFlow.js' WASM kernel runs at full speed only on operands as they lie (16 GFLOP/s on a core, 2 where one is to be
 * transposed), so it gets transposed copies. Bias by a sum of its own: the fused kernel of WASM adds a wrong one where the
 * weight is transposed.
 */
function productPortable(
  a: Tensor2D,
  b: Tensor2D,
  { transposeA = false, transposeB = false }: ProductOptions,
): Tensor2D {
  const rows = a.shape[transposeA ? 1 : 0];
  if (getBackend() !== 'wasm' || rows < MIN_ROWS) return matMul(a, b, transposeA, transposeB);
  return tidy(() => matMul(oriented(a, transposeA), oriented(b, transposeB)));
}

/**
 * A product for each of the two leading axes: [B, G, M, K], [B, G, K, N] -> [B, G, M, N] before transposition. One by
 * one on WASM, whose batched kernel is as slow as its transposed one.
 */
export function batchedProduct(a: Tensor4D, b: Tensor4D, options: ProductOptions = {}): Tensor4D {
  const { transposeA = false, transposeB = false } = options;
  const rows = a.shape[transposeA ? 3 : 2];
  if (getBackend() !== 'wasm' || rows < MIN_ROWS) return matMul(a, b, transposeA, transposeB) as Tensor4D;
  return tidy(() => {
    const [left, right] = [oriented(a, transposeA), oriented(b, transposeB)];
    const [batch, groups, m, k] = left.shape;
    const n = right.shape[3];
    const stackedLeft: Tensor3D = reshape(left, [batch * groups, m, k]);
    const stackedRight: Tensor3D = reshape(right, [batch * groups, k, n]);
    return reshape(concat(productsOf(stackedLeft, stackedRight), 0), [batch, groups, m, n]);
  });
}

/** The members' products, each [M, N]. By halves, because the WASM kernel of slice copies all of its input first. */
function productsOf(lefts: Tensor3D, rights: Tensor3D): Tensor2D[] {
  const [count, m, k] = lefts.shape;
  const n = rights.shape[2];
  if (count === 1) return [matMul(reshape(lefts, [m, k]) as Tensor2D, reshape(rights, [k, n]) as Tensor2D)];
  const half = count >> 1;
  return [
    ...productsOf(slice(lefts, 0, half), slice(rights, 0, half)),
    ...productsOf(slice(lefts, half), slice(rights, half)),
  ];
}
