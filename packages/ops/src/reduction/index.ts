import {
  fill,
  matMul,
  reshape,
  tidy,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

/**
 * Sums over all axes but the last: [..., D] -> [D]. A product with ones, because TensorFlow.js' own sum transposes
 * first and gives a whole column to one workgroup.
 */
export function sumRows(x: Tensor): Tensor1D {
  const width = x.shape.at(-1)!;
  return tidy(() => {
    const rows = reshape(x, [-1, width]) as Tensor2D; // [M, D]
    return reshape(matMul(fill([1, rows.shape[0]], 1), rows), [width]);
  });
}

/** Sums over the tokens of each batch member: [B, N, D] -> [B, D]. */
export function sumTokens(x: Tensor3D): Tensor2D {
  const [batch, tokens, width] = x.shape;
  return tidy(() => reshape(matMul(fill([batch, 1, tokens], 1), x), [batch, width]));
}
