import { requireShape } from '@latte-flow/core';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { withGradient } from '../with-gradient.ts';
import { gatedAddGradient, modulateGradient } from './gradient.ts';
import { gatedAddPortable, modulatePortable } from './portable.ts';
import { gatedAddWebGPU, modulateWebGPU } from './webgpu.ts';

/**
 * x (1 + scale) + shift, one scale and shift a batch member and channel.
 *
 * @param x `[B, N, D]` float32, borrowed
 * @param scale `[B, D]`
 * @param shift `[B, D]`
 * @returns `[B, N, D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 * @see `FlowLayer.forward` of the reference
 */
export function modulate(x: Tensor, scale: Tensor, shift: Tensor): Tensor {
  const { B, D } = requireShape('modulate', 'x', x.shape, ['B', 'N', 'D']);
  requireShape('modulate', 'scale', scale.shape, [B!, D!]);
  requireShape('modulate', 'shift', shift.shape, [B!, D!]);
  return withGradient(
    [x as Tensor3D, scale as Tensor2D, shift as Tensor2D],
    (x_, scale_, shift_) =>
      kernelOr(
        [x_],
        () => modulateWebGPU(x_, scale_, shift_),
        () => modulatePortable(x_, scale_, shift_),
      ),
    (dy, x_, scale_) => modulateGradient(dy, x_, scale_),
  );
}

/**
 * x + scale y: the residual sum with a scaled branch.
 *
 * @param x `[B, N, D]` float32, borrowed
 * @param scale `[B, D]`
 * @param y `[B, N, D]`
 * @returns `[B, N, D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 * @see `FlowLayer.forward` of the reference
 */
export function gatedAdd(x: Tensor, scale: Tensor, y: Tensor): Tensor {
  const { B, N, D } = requireShape('gatedAdd', 'x', x.shape, ['B', 'N', 'D']);
  requireShape('gatedAdd', 'scale', scale.shape, [B!, D!]);
  requireShape('gatedAdd', 'y', y.shape, [B!, N!, D!]);
  return withGradient(
    [x as Tensor3D, scale as Tensor2D, y as Tensor3D],
    (x_, scale_, y_) =>
      kernelOr(
        [x_],
        () => gatedAddWebGPU(x_, scale_, y_),
        () => gatedAddPortable(x_, scale_, y_),
      ),
    (dz, _x, scale_, y_) => gatedAddGradient(dz, scale_, y_),
  );
}
