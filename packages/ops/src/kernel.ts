import { engine, getBackend, getKernel, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';

type KernelAttributes = Parameters<ReturnType<typeof engine>['runKernel']>[2];

/**
 * The seam between an op and its kernels: runs the kernel that is registered under `name` for the current backend
 * (`registerKernel` of TensorFlow.js), and where there is none the portable definition. A kernel takes the inputs by
 * name and the attributes, and returns what the portable definition returns.
 */
export function kernelOr<T extends Tensor | Tensor[]>(
  name: string,
  inputs: NamedTensorMap,
  attributes: KernelAttributes,
  portable: () => T,
): T {
  if (getKernel(name, getBackend()) === undefined) return portable();
  return engine().runKernel(name, inputs, attributes) as T;
}
