import { elementCount, requireShape } from '@latte-flow/core';
import type { Weight } from '@latte-flow/runtime';
import { reshape, tidy, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

import { project, type Projection } from './project.ts';

export type { Projection } from './project.ts';

export interface LinearOptions {
  /** `[..., O]`, added to the result: the sum around a block. */
  readonly residual?: Tensor;
}

/** `[..., I]` -> `[M, I]` */
function rowsOf(x: Tensor): Tensor2D {
  const width = x.shape.at(-1)!;
  return reshape(x, [elementCount(x.shape.slice(0, -1)), width]) as Tensor2D;
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
  return tidy(() => {
    const [y] = project(rowsOf(x), [{ weight, bias }], residual && rowsOf(residual));
    return reshape(y!, [...leading, O!]);
  });
}

/**
 * x W^T + b of one input for several weights, as query, key and value are made, or gate and up: the same as `linear` for
 * each. On WebGPU one dispatch, where weights lie alike.
 *
 * @param x `[..., I]` float32, borrowed
 * @returns `[..., O]` of each, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function projections(x: Tensor, sides: readonly Projection[]): Tensor[] {
  const leading = x.shape.slice(0, -1);
  sides.forEach(({ weight, bias }, i) => {
    const { O } = requireShape('projections', `sides[${i}].weight`, weight.shape, ['O', x.shape.at(-1)!]);
    if (bias !== undefined) requireShape('projections', `sides[${i}].bias`, bias.shape, [O!]);
  });
  return tidy(() => project(rowsOf(x), sides).map((y) => reshape(y, [...leading, y.shape[1]])));
}
