import { add, expandDims, mul, tidy, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

/** x (1 + scale) + shift; x [B, N, D], scale and shift [B, D]. */
export function modulatePortable(x: Tensor3D, scale: Tensor2D, shift: Tensor2D): Tensor3D {
  return tidy(() => add(mul(x, add(expandDims(scale, 1), 1)), expandDims(shift, 1)));
}

/** x + scale y; x and y [B, N, D], scale [B, D]. */
export function gatedAddPortable(x: Tensor3D, scale: Tensor2D, y: Tensor3D): Tensor3D {
  return tidy(() => add(x, mul(expandDims(scale, 1), y)));
}
