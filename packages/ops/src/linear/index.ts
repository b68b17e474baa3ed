import { elementCount, requireShape } from '@latte-flow/core';
import { reshape, tidy, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import { withGradient } from '../with-gradient.ts';
import { linearBiasGradient, linearInputGradient, linearWeightGradient } from './gradient.ts';
import { linearPortable } from './portable.ts';

function forward(x: Tensor2D, weight: Tensor2D, bias?: Tensor1D): Tensor2D {
  return linearPortable(x, weight, bias);
}

/**
 * y = x W^T + b over the last axis.
 *
 * @param x `[..., I]` float32, borrowed
 * @param weight `[O, I]`, as in PyTorch and safetensors
 * @param bias `[O]`
 * @returns `[..., O]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const { O, I } = requireShape('linear', 'weight', weight.shape, ['O', 'I']);
  const leading = x.shape.slice(0, -1);
  requireShape('linear', 'x', x.shape, [...leading, I!]);
  if (bias !== undefined) requireShape('linear', 'bias', bias.shape, [O!]);
  return tidy(() => {
    const rows = reshape(x, [elementCount(leading), I!]) as Tensor2D; // [M, I]
    const y =
      bias === undefined
        ? withGradient([rows, weight as Tensor2D], forward, (dy, x_, w_) => [
            linearInputGradient(dy, w_),
            linearWeightGradient(dy, x_),
          ])
        : withGradient([rows, weight as Tensor2D, bias as Tensor1D], forward, (dy, x_, w_) => [
            linearInputGradient(dy, w_),
            linearWeightGradient(dy, x_),
            linearBiasGradient(dy),
          ]);
    return reshape(y, [...leading, O!]);
  });
}
