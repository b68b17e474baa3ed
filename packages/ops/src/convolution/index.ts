import { requireShape } from '@latte-flow/core';
import {
  add,
  matMul,
  reshape,
  tidy,
  transpose,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

import { currentPrecision, type Precision } from '../kernel/precision.ts';
import { kernelOr } from '../kernel/selection.ts';
import { linear } from '../linear/index.ts';
import { product } from '../product/index.ts';
import { withGradient } from '../with-gradient.ts';
import { geometryOf, patchValues, type Geometry } from './geometry.ts';
import {
  convolutionBiasGradient,
  convolutionGradient,
  depthwiseInputGradient,
  depthwiseWeightGradient,
  maxPatchValues,
} from './gradient.ts';
import { patchesOf, weightRows } from './patches.ts';
import { convolutionPortable, depthwisePortable } from './portable.ts';

export interface ConvolutionOptions {
  /** `[O]`. Default none. */
  readonly bias?: Tensor;
  /** Default 1. */
  readonly stride?: number;
}

interface Parts {
  readonly x: Tensor4D;
  readonly weight: Tensor4D;
  readonly bias?: Tensor1D;
}

/** One product over the patches where they are not too large: TensorFlow.js' own kernel makes none, and is slower. */
function forward({ x, weight, bias }: Parts, geometry: Geometry, precision: Precision): Tensor4D {
  const portable = () => {
    const y = convolutionPortable(x, weight, geometry);
    return bias === undefined ? y : add<Tensor4D>(y, bias);
  };
  if (patchValues(geometry) > maxPatchValues()) return portable();
  return kernelOr(
    [x],
    () => {
      const { batch, outHeight, outWidth } = geometry;
      const outputs = weight.shape[0];
      return tidy(() => {
        const y = product(patchesOf(x, geometry), weightRows(weight), { transposeB: true, bias, precision });
        return reshape(y, [batch, outHeight, outWidth, outputs]) as Tensor4D;
      });
    },
    portable,
  );
}

/**
 * A convolution with square kernels of an odd side k, padded with (k - 1) / 2 zeros on every side; sizes after a stride
 * are rounded up.
 *
 * @param x `[B, H, W, I]` float32, channels last, borrowed
 * @param weight `[O, I, k, k]`, as in PyTorch and safetensors
 * @returns `[B, h, w, O]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`, or `invalid-argument` for an even kernel
 * @see `torch.nn.functional.conv2d`
 */
export function convolution(x: Tensor, weight: Tensor, { bias, stride = 1 }: ConvolutionOptions = {}): Tensor4D {
  const { O, k } = requireShape('convolution', 'weight', weight.shape, ['O', x.shape.at(-1) ?? 'I', 'k', 'k']);
  if (bias !== undefined) requireShape('convolution', 'bias', bias.shape, [O!]);
  const geometry = geometryOf('convolution', x.shape, { kernel: k!, stride });
  if (k === 1 && stride === 1) return tidy(() => linear(x, reshape(weight, [O!, -1]), bias) as Tensor4D);
  const precision = currentPrecision();
  const inputs = [x as Tensor4D, weight as Tensor4D] as const;
  if (bias === undefined) {
    return withGradient(
      inputs,
      (x_, weight_) => forward({ x: x_, weight: weight_ }, geometry, precision),
      (dy, x_, weight_) => convolutionGradient(dy, { x: x_, weight: weight_, geometry, precision }),
    );
  }
  return withGradient(
    [...inputs, bias as Tensor1D],
    (x_, weight_, bias_) => forward({ x: x_, weight: weight_, bias: bias_ }, geometry, precision),
    (dy, x_, weight_) => [
      ...convolutionGradient(dy, { x: x_, weight: weight_, geometry, precision }),
      convolutionBiasGradient(dy),
    ],
  );
}

/**
 * A convolution of each channel by itself, with square kernels of an odd side k, padded with (k - 1) / 2 zeros.
 *
 * @param x `[B, H, W, C]` float32, channels last, borrowed
 * @param weight `[C, 1, k, k]`, as in PyTorch
 * @param bias `[C]`
 * @returns `[B, H, W, C]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`, or `invalid-argument` for an even kernel
 */
export function depthwiseConvolution(x: Tensor, weight: Tensor, bias?: Tensor): Tensor4D {
  const channels = x.shape.at(-1) ?? 'C';
  const { k } = requireShape('depthwiseConvolution', 'weight', weight.shape, [channels, 1, 'k', 'k']);
  if (bias !== undefined) requireShape('depthwiseConvolution', 'bias', bias.shape, [channels]);
  const geometry = geometryOf('depthwiseConvolution', x.shape, { kernel: k!, stride: 1 });
  const y = withGradient(
    [x as Tensor4D, weight as Tensor4D],
    (x_, weight_) => depthwisePortable(x_, weight_, k!),
    (dy, x_, weight_) => [depthwiseInputGradient(dy, weight_), depthwiseWeightGradient(dy, x_, geometry)],
  );
  if (bias === undefined) return y;
  const sum = withGradient(
    [y, bias as Tensor1D],
    (y_, bias_) => add<Tensor4D>(y_, bias_),
    (dy) => [dy.clone(), convolutionBiasGradient(dy)],
  );
  y.dispose();
  return sum;
}

/**
 * A 1 x 1 convolution within groups of consecutive channels, each of its own.
 *
 * @param x `[..., G I]` float32, channels last, borrowed
 * @param weight `[G O, I, 1, 1]`, as in PyTorch
 * @returns `[..., G O]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function groupedPointwise(x: Tensor, weight: Tensor, groups: number): Tensor {
  const inputs = x.shape.at(-1)! / groups;
  const outputs = weight.shape[0]! / groups;
  requireShape('groupedPointwise', 'weight', weight.shape, [outputs * groups, inputs, 1, 1]);
  return tidy(() => {
    const grouped = transpose(reshape(x, [-1, groups, inputs]), [1, 0, 2]); // [G, M, I]
    const y = matMul(grouped, reshape(weight, [groups, outputs, inputs]), false, true); // [G, M, O]
    return reshape(transpose(y, [1, 0, 2]), [...x.shape.slice(0, -1), groups * outputs]);
  });
}
