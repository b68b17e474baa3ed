import { webgpuDevice } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

/** What the kernels of an op may use beyond plain WGSL, which every WebGPU device runs. */
export interface KernelFeatures {
  /** `subgroups`: reductions over the lanes of a subgroup without shared memory. */
  readonly subgroups: boolean;
  /** `shader-f16`: half precision arithmetic and storage. */
  readonly f16: boolean;
  /** `chromium-experimental-subgroup-matrix`: tensor cores. */
  readonly subgroupMatrix: boolean;
}

export type KernelFeature = keyof KernelFeatures;

const FEATURE_NAMES: Readonly<Record<KernelFeature, string>> = {
  subgroups: 'subgroups',
  f16: 'shader-f16',
  subgroupMatrix: 'chromium-experimental-subgroup-matrix',
};

/** `portable` leaves the kernels out: the ops' definitions on TensorFlow.js' own. */
export type KernelChoice = 'fused' | 'portable';

export interface KernelSelection {
  /** Default fused. */
  readonly choice?: KernelChoice;
  /** Features to be left unused. Default none. */
  readonly without?: readonly KernelFeature[];
}

let selection: Required<KernelSelection> = { choice: 'fused', without: [] };

/**
 * Runs `work` with less than the device offers: without any kernel, or without some features. For measuring one beside
 * the other, and for testing every variant on one machine. Gradients that are taken inside belong to it.
 */
export function withKernels<T>({ choice = 'fused', without = [] }: KernelSelection, work: () => T): T {
  const outer = selection;
  selection = { choice, without };
  try {
    return work();
  } finally {
    selection = outer;
  }
}

/** What kernels may use now; undefined where there are none: on other backends, and inside a `portable` choice. */
export function kernelFeatures(): KernelFeatures | undefined {
  const device = webgpuDevice();
  if (device === undefined || selection.choice === 'portable') return undefined;
  const has = (feature: KernelFeature): boolean =>
    device.features.has(FEATURE_NAMES[feature] as GPUFeatureName) && !selection.without.includes(feature);
  return { subgroups: has('subgroups'), f16: has('f16'), subgroupMatrix: has('subgroupMatrix') };
}

/**
 * The seam between an op's definition and its WebGPU kernel: the kernel where the current backend is WebGPU's, else the
 * portable definition. Empty tensors always take the latter.
 */
export function kernelOr<T>(tensors: readonly Tensor[], kernel: (features: KernelFeatures) => T, portable: () => T): T {
  const features = kernelFeatures();
  if (features === undefined || tensors.some(({ size }) => size === 0)) return portable();
  return kernel(features);
}
