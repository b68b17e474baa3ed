import { cast, equal, expandDims, range, tidy, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

/**
 * One row a label, 1 at its place, none for a label outside [0, depth): [M] int32 -> [M, depth] float32. By comparison,
 * because TensorFlow.js' `oneHot` refuses a depth of 1, and its WASM kernel writes the bits of the integer 1 where it is
 * asked for float32.
 */
export function oneHotRows(labels: Tensor1D, depth: number): Tensor2D {
  return tidy(() => cast(equal(expandDims(labels, 1), range(0, depth, 1, 'int32')), 'float32') as Tensor2D);
}
