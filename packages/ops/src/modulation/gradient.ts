import { add, expandDims, mul, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

import { sumTokens } from '../reduction/index.ts';

/** dy, x [B, N, D], scale [B, D] -> [dx, dscale, dshift]. */
export function modulateGradient(dy: Tensor3D, x: Tensor3D, scale: Tensor2D): [Tensor3D, Tensor2D, Tensor2D] {
  return [mul(dy, add(expandDims(scale, 1), 1)), sumTokens(mul(dy, x)), sumTokens(dy)];
}

/** dz, y [B, N, D], scale [B, D] -> [dx, dscale, dy]. */
export function gatedAddGradient(dz: Tensor3D, scale: Tensor2D, y: Tensor3D): [Tensor3D, Tensor2D, Tensor3D] {
  return [dz.clone(), sumTokens(mul(dz, y)), mul(dz, expandDims(scale, 1))];
}
