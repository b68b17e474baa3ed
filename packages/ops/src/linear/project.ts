import { isPacked, packedParts, webgpuDevice, type PackedWeight, type Weight } from '@latte-flow/runtime';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import { precisionOf, type Precision } from '../kernel/precision.ts';
import { kernelOr } from '../kernel/selection.ts';
import { product } from '../product/index.ts';
import { layoutOf } from '../product/operand.ts';
import { productsWebGPU } from '../product/webgpu.ts';
import { sumRows } from '../reduction/index.ts';
import { withGradientOfMany } from '../with-gradient-of-many.ts';

/** A linear map of an input. */
export interface Projection {
  /** `[O, I]`, as in PyTorch and safetensors; a packed one gets no gradient, and as `float16` is multiplied in that precision. */
  readonly weight: Weight;
  /** `[O]` */
  readonly bias?: Tensor;
}

/** Whether one program reads all of them: weights of one layout, biases for all or none, and no more buffers than it may bind. */
function fitOneProgram(sides: readonly Projection[]): boolean {
  const layouts = new Set(sides.map(({ weight }) => layoutOf(weight, weight.shape[1]!)));
  const biases = new Set(sides.map(({ bias }) => bias !== undefined));
  const parts = sides.map(({ weight, bias }) => partsOf(weight).length + (bias ? 1 : 0));
  const bindings = 1 + parts.reduce((total, count) => total + count, 0) + sides.length;
  return layouts.size === 1 && biases.size === 1 && bindings <= webgpuDevice()!.limits.maxStorageBuffersPerShaderStage;
}

/** x [M, I] -> [M, O] for each side. */
function forward(
  x: Tensor2D,
  sides: readonly Projection[],
  { residual, precision }: { residual?: Tensor2D; precision: Precision },
): Tensor2D[] {
  const separately = (): Tensor2D[] =>
    sides.map(({ weight, bias }) =>
      product(x, weight, { transposeB: true, precision, bias: bias as Tensor1D | undefined, residual }),
    );
  if (sides.length === 1) return separately();
  const floats = sides.flatMap(({ weight }) => (isPacked(weight) ? [] : [weight]));
  return kernelOr(
    [x, ...floats],
    (features) => {
      if (!fitOneProgram(sides)) return separately();
      const biases = sides.flatMap(({ bias }) => (bias === undefined ? [] : [bias as Tensor1D]));
      const task = { transposeA: false, transposeB: true, precision, ...(biases.length > 0 && { biases }) };
      return productsWebGPU(
        x,
        sides.map(({ weight }) => weight),
        task,
        features,
      );
    },
    separately,
  );
}

/** dy_i [M, O_i], weight_i [O_i, I] -> dx [M, I], the sum over the sides that something depends on. */
function inputGradient(
  dys: readonly (Tensor | undefined)[],
  weights: readonly Weight[],
  precision: Precision,
): Tensor2D | undefined {
  let sum: Tensor2D | undefined;
  dys.forEach((dy, side) => {
    if (dy !== undefined) sum = product(dy as Tensor2D, weights[side]!, { precision, residual: sum });
  });
  return sum;
}

const partsOf = (weight: Weight): Tensor[] => (isPacked(weight) ? packedParts(weight) : [weight]);

/** The weight whose tensors those of `saved` are, which are taken from it. */
function restored(weight: Weight, saved: Tensor[]): Weight {
  const [first, second] = saved.splice(0, partsOf(weight).length);
  if (!isPacked(weight)) return first!;
  return { ...weight, codes: first as PackedWeight['codes'], ...(second && { scales: second }) };
}

/**
 * x W^T + b for each side, of one side plus a residual. One op with its own gradient, of which only what somebody needs is
 * computed.
 *
 * @param x [M, I]
 * @param residual [M, O]
 * @returns [M, O] of each side, owned by the caller
 */
export function project(x: Tensor2D, sides: readonly Projection[], residual?: Tensor2D): Tensor2D[] {
  const precision = precisionOf(sides[0]!.weight);
  const inputs: Record<string, Tensor> = { x, ...(residual && { residual }) };
  sides.forEach(({ weight, bias }, i) => {
    if (!isPacked(weight)) inputs[`weight${i}`] = weight;
    if (bias !== undefined) inputs[`bias${i}`] = bias;
  });
  return withGradientOfMany('linear', {
    inputs,
    forward(save) {
      save(x, ...sides.flatMap(({ weight }) => partsOf(weight)));
      return forward(x, sides, { residual, precision });
    },
    gradient(dys, [x_, ...saved], wants) {
      const gradients: Record<string, Tensor> = {};
      const weights = sides.map(({ weight }) => restored(weight, saved));
      const dx = wants('x') ? inputGradient(dys, weights, precision) : undefined;
      if (dx !== undefined) gradients['x'] = dx;
      if (wants('residual')) gradients['residual'] = dys[0]!.clone();
      dys.forEach((dy, i) => {
        if (dy === undefined) return;
        if (wants(`weight${i}`)) {
          gradients[`weight${i}`] = product(dy as Tensor2D, x_ as Tensor2D, { transposeA: true, precision }); // [O, I]
        }
        if (wants(`bias${i}`)) gradients[`bias${i}`] = sumRows(dy);
      });
      return gradients;
    },
  }) as Tensor2D[];
}
