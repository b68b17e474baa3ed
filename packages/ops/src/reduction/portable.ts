import {
  fill,
  matMul,
  mul,
  reshape,
  sum,
  tidy,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

/** A product with ones, because TensorFlow.js' own sum transposes first and gives a whole column to one workgroup. */
export function sumRowsPortable(x: Tensor): Tensor1D {
  const width = x.shape.at(-1)!;
  return tidy(() => {
    const rows = reshape(x, [-1, width]) as Tensor2D; // [M, D]
    return reshape(matMul(fill([1, rows.shape[0]], 1), rows), [width]);
  });
}

export function sumTokensPortable(x: Tensor3D): Tensor2D {
  const [batch, tokens, width] = x.shape;
  return tidy(() => reshape(matMul(fill([batch, 1, tokens], 1), x), [batch, width]));
}

/** In two stages, rows first: TensorFlow.js gives a full sum to a single workgroup. */
export function fullSumPortable(x: Tensor, factor = 1): Scalar {
  const width = x.shape.at(-1) || 1;
  return tidy(() => mul(sum(sum(reshape(x, [x.size / width, width]), 1)), factor));
}
