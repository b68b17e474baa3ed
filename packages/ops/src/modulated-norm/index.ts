import { requireShape } from '@latte-flow/core';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { gatedAddPortable, modulatePortable } from '../modulation/portable.ts';
import { normForward } from '../norm-rows/forward.ts';
import { rmsNormPortable } from '../rms-norm/portable.ts';
import { withGradient } from '../with-gradient.ts';
import { gatedRmsNormAddGradient, modulatedRmsNormGradient } from './gradient.ts';

/**
 * modulate(rmsNorm(x, weight, eps), scale, shift) at once.
 *
 * @param x `[B, N, D]` float32, borrowed
 * @param weight `[D]`
 * @param scale `[B, D]`
 * @param shift `[B, D]`
 * @returns `[B, N, D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 * @see `FlowLayer.forward` of the reference
 */
export function modulatedRmsNorm(x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, eps: number): Tensor {
  const { B, D } = requireShape('modulatedRmsNorm', 'x', x.shape, ['B', 'N', 'D']);
  requireShape('modulatedRmsNorm', 'weight', weight.shape, [D!]);
  requireShape('modulatedRmsNorm', 'scale', scale.shape, [B!, D!]);
  requireShape('modulatedRmsNorm', 'shift', shift.shape, [B!, D!]);
  return withGradient(
    [x as Tensor3D, weight as Tensor1D, scale as Tensor2D, shift as Tensor2D],
    (x_, weight_, scale_, shift_) =>
      kernelOr(
        [x_],
        (features) => normForward('modulatedRms', [x_, weight_, scale_, shift_], { eps, ...features }) as Tensor3D,
        () => modulatePortable(rmsNormPortable(x_, weight_, eps) as Tensor3D, scale_, shift_),
      ),
    (dy, x_, weight_, scale_) => modulatedRmsNormGradient(dy, x_, weight_, scale_, eps),
  );
}

/**
 * gatedAdd(x, scale, rmsNorm(y, weight, eps)) at once: the residual sum with a normalised, scaled branch.
 *
 * @param x `[B, N, D]` float32, borrowed
 * @param scale `[B, D]`
 * @param y `[B, N, D]`
 * @param weight `[D]`
 * @returns `[B, N, D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 * @see `FlowLayer.forward` of the reference
 */
export function gatedRmsNormAdd(x: Tensor, scale: Tensor, y: Tensor, weight: Tensor, eps: number): Tensor {
  const { B, N, D } = requireShape('gatedRmsNormAdd', 'x', x.shape, ['B', 'N', 'D']);
  requireShape('gatedRmsNormAdd', 'scale', scale.shape, [B!, D!]);
  requireShape('gatedRmsNormAdd', 'y', y.shape, [B!, N!, D!]);
  requireShape('gatedRmsNormAdd', 'weight', weight.shape, [D!]);
  return withGradient(
    [x as Tensor3D, scale as Tensor2D, y as Tensor3D, weight as Tensor1D],
    (x_, scale_, y_, weight_) =>
      kernelOr(
        [y_],
        (features) => normForward('gatedRms', [y_, weight_, scale_, x_], { eps, ...features }) as Tensor3D,
        () => gatedAddPortable(x_, scale_, rmsNormPortable(y_, weight_, eps) as Tensor3D),
      ),
    (dz, _x, scale_, y_, weight_) => gatedRmsNormAddGradient(dz, scale_, y_, weight_, eps),
  );
}
