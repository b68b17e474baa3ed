import { elementCount, requireShape } from '@latte-flow/core';
import { isPacked, packedParts, webgpuDevice, type Weight } from '@latte-flow/runtime';
import { reshape, tidy, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import { precisionOf } from '../kernel/precision.ts';
import { kernelOr } from '../kernel/selection.ts';
import { linear } from '../linear/index.ts';
import { layoutOf } from '../product/operand.ts';
import { productsWebGPU } from '../product/webgpu.ts';
import { isRecorded } from '../with-gradient.ts';

/** One of several linear maps of the same input. */
export interface Projection {
  /** `[O, I]` */
  readonly weight: Weight;
  /** `[O]` */
  readonly bias?: Tensor;
}

/** Whether one program reads all of them: weights of one layout, biases for all or none, and no more buffers than it may bind. */
function fitOneProgram(sides: readonly Projection[]): boolean {
  const layouts = new Set(sides.map(({ weight }) => layoutOf(weight, weight.shape[1]!)));
  const biases = new Set(sides.map(({ bias }) => bias !== undefined));
  const parts = sides.map(({ weight, bias }) => (isPacked(weight) ? packedParts(weight).length : 1) + (bias ? 1 : 0));
  const bindings = 1 + parts.reduce((total, count) => total + count, 0) + sides.length;
  const { maxStorageBuffersPerShaderStage } = webgpuDevice()!.limits;
  return layouts.size === 1 && biases.size === 1 && bindings <= maxStorageBuffersPerShaderStage;
}

/**
 * x W^T + b of one input for several weights, as query, key and value are made, or gate and up: the same as `linear` for
 * each, in one dispatch on WebGPU where no gradient is being recorded.
 *
 * @param x `[..., I]` float32, borrowed
 * @returns `[..., O]` of each, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function projections(x: Tensor, sides: readonly Projection[]): Tensor[] {
  const leading = x.shape.slice(0, -1);
  const I = x.shape.at(-1)!;
  sides.forEach(({ weight, bias }, i) => {
    const { O } = requireShape('projections', `sides[${i}].weight`, weight.shape, ['O', I]);
    if (bias !== undefined) requireShape('projections', `sides[${i}].bias`, bias.shape, [O!]);
  });
  const separately = (): Tensor[] => sides.map(({ weight, bias }) => linear(x, weight, bias));
  if (sides.length < 2 || isRecorded()) return separately();
  return kernelOr(
    [x, ...sides.flatMap(({ weight }) => (isPacked(weight) ? [] : [weight]))],
    (features) =>
      fitOneProgram(sides)
        ? tidy(() => {
            const rows = reshape(x, [elementCount(leading), I]) as Tensor2D; // [M, I]
            const biases = sides.flatMap(({ bias }) => (bias === undefined ? [] : [bias as Tensor1D]));
            const task = {
              transposeA: false,
              transposeB: true,
              precision: precisionOf(sides[0]!.weight),
              ...(biases.length > 0 && { biases }),
            };
            const weights = sides.map(({ weight }) => weight);
            return productsWebGPU(rows, weights, task, features).map((y) => reshape(y, [...leading, y.shape[1]]));
          })
        : separately(),
    separately,
  );
}
