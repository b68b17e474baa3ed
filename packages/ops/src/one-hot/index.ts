import { cast, oneHot, tidy, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

/**
 * One row a label, 1 at its place: [M] int32 -> [M, depth] float32. By a cast, because TensorFlow.js' WASM kernel
 * writes the bits of the integer 1 where it is asked for float32.
 */
export function oneHotRows(labels: Tensor1D, depth: number): Tensor2D {
  return tidy(() => cast(oneHot(labels, depth), 'float32') as Tensor2D);
}
