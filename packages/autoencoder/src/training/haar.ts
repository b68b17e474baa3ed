import {
  matMul,
  reshape,
  tensor2d,
  tidy,
  transpose,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

/**
 * The orthonormal Haar basis of a side, in blocks of 2^levels places: means of each block, and differences between the
 * halves of blocks of 2, 4, … places. Columns are basis vectors, so that x W are coefficients.
 */
export function haarBasis(length: number, levels: number): Float32Array {
  const block = 2 ** levels;
  const basis = new Float32Array(length * length);
  for (let start = 0; start < length; start += block) {
    let column = start;
    const put = (from: number, size: number, value: number): void => {
      for (let i = from; i < from + size; i++) basis[i * length + column] = value;
    };
    put(start, block, 1 / Math.sqrt(block));
    column++;
    for (let size = 2; size <= block; size *= 2) {
      for (let from = start; from < start + block; from += size, column++) {
        put(from, size / 2, 1 / Math.sqrt(size));
        put(from + size / 2, size / 2, -1 / Math.sqrt(size));
      }
    }
  }
  return basis;
}

/** The most levels, up to `levels`, whose blocks fit a side without a rest. */
export function fittingLevels(length: number, levels: number): number {
  let fitting = 0;
  while (fitting < levels && length % 2 ** (fitting + 1) === 0) fitting++;
  return fitting;
}

/**
 * Haar coefficients along both axes: `[B, H, W, C]` -> `[B C, W, H]`, owned by the caller. Differentiable.
 */
export function haarCoefficients(x: Tensor4D, levels: number): Tensor {
  const [batch, height, width, channels] = x.shape;
  const basisOf = (length: number): Tensor2D =>
    tensor2d(haarBasis(length, fittingLevels(length, levels)), [length, length]);
  return tidy(() => {
    const rows = reshape(transpose(x, [0, 3, 1, 2]), [batch * channels * height, width]) as Tensor2D;
    const along = reshape(matMul(rows, basisOf(width)), [batch * channels, height, width]);
    const columns = reshape(transpose(along, [0, 2, 1]), [batch * channels * width, height]) as Tensor2D;
    return reshape(matMul(columns, basisOf(height)), [batch * channels, width, height]);
  });
}
