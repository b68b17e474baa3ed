import { add, expandDims, mul, type Tensor, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { sumTokens } from '../reduction/index.ts';
import { gatedAddGradientWebGPU, modulateGradientWebGPU } from './webgpu.ts';

/** dy, x [B, N, D], scale [B, D] -> [dx, dscale, dshift]. */
export function modulateGradient(dy: Tensor3D, x: Tensor3D, scale: Tensor2D): readonly Tensor[] {
  return kernelOr<readonly Tensor[]>(
    [x],
    () => modulateGradientWebGPU(dy, x, scale),
    () => [mul(dy, add(expandDims(scale, 1), 1)), sumTokens(mul(dy, x)), sumTokens(dy)],
  );
}

/** dz, y [B, N, D], scale [B, D] -> [dx, dscale, dy]. */
export function gatedAddGradient(dz: Tensor3D, scale: Tensor2D, y: Tensor3D): readonly Tensor[] {
  return kernelOr(
    [y],
    () => {
      const [dy, dscale] = gatedAddGradientWebGPU(dz, scale, y);
      return [dz.clone(), dscale!, dy!];
    },
    () => [dz.clone(), sumTokens(mul(dz, y)), mul(dz, expandDims(scale, 1))],
  );
}
