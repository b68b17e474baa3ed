import { elementCount, requireShape } from '@latte-flow/core';
import { reshape, tidy, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import { currentPrecision } from '../kernel/precision.ts';
import { product } from '../product/index.ts';
import { withGradient } from '../with-gradient.ts';
import { linearBiasGradient, linearInputGradient, linearWeightGradient } from './gradient.ts';

export interface LinearOptions {
  /** `[..., O]`, added to the result: the sum around a block. */
  readonly residual?: Tensor;
}

/**
 * y = x W^T + b (+ residual) over the last axis, in the current precision.
 *
 * @param x `[..., I]` float32, borrowed
 * @param weight `[O, I]`, as in PyTorch and safetensors
 * @param bias `[O]`
 * @returns `[..., O]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, { residual }: LinearOptions = {}): Tensor {
  const { O, I } = requireShape('linear', 'weight', weight.shape, ['O', 'I']);
  const leading = x.shape.slice(0, -1);
  requireShape('linear', 'x', x.shape, [...leading, I!]);
  if (bias !== undefined) requireShape('linear', 'bias', bias.shape, [O!]);
  if (residual !== undefined) requireShape('linear', 'residual', residual.shape, [...leading, O!]);
  const precision = currentPrecision();
  return tidy(() => {
    const rows = elementCount(leading);
    const inputs: [Tensor, Tensor, ...Tensor[]] = [reshape(x, [rows, I!]), weight]; // x [M, I]
    if (bias !== undefined) inputs.push(bias);
    if (residual !== undefined) inputs.push(reshape(residual, [rows, O!]));
    const y = withGradient(
      inputs,
      (x_, weight_, ...added) =>
        product(x_ as Tensor2D, weight_ as Tensor2D, {
          transposeB: true,
          precision,
          bias: bias && (added[0] as Tensor1D),
          residual: residual && (added.at(-1) as Tensor2D),
        }),
      (dy, x_, weight_) => [
        linearInputGradient(dy as Tensor2D, weight_ as Tensor2D, precision),
        linearWeightGradient(dy as Tensor2D, x_ as Tensor2D, precision),
        ...(bias === undefined ? [] : [linearBiasGradient(dy as Tensor2D)]),
        ...(residual === undefined ? [] : [dy.clone()]),
      ],
    );
    return reshape(y, [...leading, O!]);
  });
}
