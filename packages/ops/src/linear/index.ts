import { elementCount, requireShape } from '@latte-flow/core';
import { isPacked, packedParts, type PackedWeight, type Weight } from '@latte-flow/runtime';
import { reshape, tidy, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import { precisionOf } from '../kernel/precision.ts';
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
 * @param weight `[O, I]`, as in PyTorch and safetensors; a packed one gets no gradient, and as `float16` is multiplied in that
 * precision
 * @param bias `[O]`
 * @returns `[..., O]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function linear(x: Tensor, weight: Weight, bias?: Tensor, { residual }: LinearOptions = {}): Tensor {
  const { O, I } = requireShape('linear', 'weight', weight.shape, ['O', 'I']);
  const leading = x.shape.slice(0, -1);
  requireShape('linear', 'x', x.shape, [...leading, I!]);
  if (bias !== undefined) requireShape('linear', 'bias', bias.shape, [O!]);
  if (residual !== undefined) requireShape('linear', 'residual', residual.shape, [...leading, O!]);
  const precision = precisionOf(weight);
  return tidy(() => {
    const rows = elementCount(leading);
    const added = [bias, residual && reshape(residual, [rows, O!])].filter((tensor) => tensor !== undefined);
    const inputs: [Tensor, ...Tensor[]] = [reshape(x, [rows, I!]), ...added]; // x [M, I]
    const forward = (x_: Tensor, weight_: Weight, added_: readonly Tensor[]): Tensor =>
      product(x_ as Tensor2D, weight_, {
        transposeB: true,
        precision,
        bias: bias && (added_[0] as Tensor1D),
        residual: residual && (added_.at(-1) as Tensor2D),
      });
    const gradientOfAdded = (dy: Tensor): Tensor[] => [
      ...(bias === undefined ? [] : [linearBiasGradient(dy as Tensor2D)]),
      ...(residual === undefined ? [] : [dy.clone()]),
    ];
    const y = isPacked(weight)
      ? withGradient(
          inputs,
          (x_, ...added_) => forward(x_, weight, added_),
          (dy, ...saved) => [
            linearInputGradient(dy as Tensor2D, withParts(weight, saved.slice(inputs.length)), precision),
            ...gradientOfAdded(dy),
          ],
          packedParts(weight),
        )
      : withGradient(
          [inputs[0], weight, ...added],
          (x_, weight_, ...added_) => forward(x_, weight_, added_),
          (dy, x_, weight_) => [
            linearInputGradient(dy as Tensor2D, weight_, precision),
            linearWeightGradient(dy as Tensor2D, x_ as Tensor2D, precision),
            ...gradientOfAdded(dy),
          ],
        );
    return reshape(y, [...leading, O!]);
  });
}

function withParts(weight: PackedWeight, [codes, scales]: readonly Tensor[]): PackedWeight {
  return { ...weight, codes: codes as Tensor2D, ...(scales === undefined ? {} : { scales }) };
}
