import { largestTensorBytes } from '@latte-flow/runtime';
import {
  addN,
  concat,
  mul,
  reshape,
  reverse,
  slice,
  stack,
  tidy,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

import type { Precision } from '../kernel/precision.ts';
import { kernelOr } from '../kernel/selection.ts';
import { product } from '../product/index.ts';
import { sumRows } from '../reduction/index.ts';
import { patchValues, windowCount, type Geometry } from './geometry.ts';
import { foldPatches, patchesOf, weightOfRows, weightRows } from './patches.ts';
import { depthwisePortable, padded, tapsOf, tapView } from './portable.ts';
import { depthwiseWeightGradientWebGPU } from './webgpu.ts';

/** Bytes of a matrix of patches; larger batches are taken part by part. */
const MAX_PATCH_BYTES = 2 ** 28;

/** Values of the largest matrix of patches to be made on the current backend. */
export function maxPatchValues(): number {
  return Math.min(MAX_PATCH_BYTES, largestTensorBytes()) / 4;
}

interface Forward {
  /** [B, H, W, I] */
  readonly x: Tensor4D;
  /** [O, I, k, k] */
  readonly weight: Tensor4D;
  readonly geometry: Geometry;
  readonly precision: Precision;
}

/** dy, x of one part of a batch -> [dx, dweight], as products with the patches. */
function partGradient(dy: Tensor4D, { x, weight, geometry, precision }: Forward): [Tensor4D, Tensor4D] {
  const rows = reshape(dy, [windowCount(geometry), weight.shape[0]]) as Tensor2D; // [M, O]
  const dweight = product(rows, patchesOf(x, geometry), { transposeA: true, precision }); // [O, k k I]
  const dx = foldPatches(product(rows, weightRows(weight), { precision }), geometry);
  return [dx, weightOfRows(dweight, weight.shape)];
}

/** dy [B, h, w, O] -> [dx, dweight]. */
export function convolutionGradient(
  dy: Tensor4D,
  forward: Forward,
  maxValues = maxPatchValues(),
): [Tensor4D, Tensor4D] {
  const { x, geometry } = forward;
  const { batch } = geometry;
  const parts = Math.min(batch, Math.ceil(patchValues(geometry) / maxValues));
  if (parts <= 1) return partGradient(dy, forward);
  const size = Math.ceil(batch / parts);
  const inputs: Tensor4D[] = [];
  const weights: Tensor4D[] = [];
  for (let first = 0; first < batch; first += size) {
    const count = Math.min(size, batch - first);
    const part = (whole: Tensor4D): Tensor4D => slice(whole, [first, 0, 0, 0], [count, -1, -1, -1]);
    // Patches are freed part by part: the two results leave, and nothing else.
    const [dx, dweight] = tidy(() => {
      const gradients = partGradient(part(dy), { ...forward, x: part(x), geometry: { ...geometry, batch: count } });
      return gradients as Tensor4D[];
    });
    inputs.push(dx!);
    weights.push(dweight!);
  }
  return [concat(inputs, 0), addN(weights)];
}

/** dy [..., O] -> dbias [O]. */
export function convolutionBiasGradient(dy: Tensor4D): Tensor1D {
  return sumRows(dy);
}

/** dy [B, H, W, C], weight [C, 1, k, k] -> dx: with the kernel turned by half a turn. */
export function depthwiseInputGradient(dy: Tensor4D, weight: Tensor4D): Tensor4D {
  return tidy(() => depthwisePortable(dy, reverse(weight, [2, 3]), weight.shape[2]));
}

/** dy, x [B, H, W, C] -> dweight [C, 1, k, k]. */
export function depthwiseWeightGradient(dy: Tensor4D, x: Tensor4D, geometry: Geometry): Tensor4D {
  const { kernel, channels } = geometry;
  return kernelOr(
    [dy, x],
    () => depthwiseWeightGradientWebGPU(dy, x, kernel),
    () => {
      const source = padded(x, kernel);
      const sums = tapsOf(kernel).map((tap) => sumRows(mul(tapView(source, tap, geometry), dy)));
      return reshape(stack(sums, 1), [channels, 1, kernel, kernel]);
    },
  );
}
