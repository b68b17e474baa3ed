import { elementCount } from '@latte-flow/core';
import { tensor, type Tensor } from '@tensorflow/tfjs-core';

import { webgpuBackend } from '../webgpu/backend.ts';
import { dequantise } from './dequantise.ts';
import { disposePacked, packedBytes, uploadPacked, type PackedValues, type PackedWeight } from './packed-weight.ts';

/** A packed parameter: on a WebGPU device, whose kernels read it; for other backends on the host. */
export type PackedParameter = PackedWeight | PackedValues;

export function isOnHost(packed: PackedParameter): packed is PackedValues {
  return 'dequantise' in packed;
}

/** Puts packed values to where the current backend uses them from. */
export function placePacked(values: PackedValues): PackedParameter {
  return webgpuBackend() === undefined || elementCount(values.shape) === 0 ? values : uploadPacked(values);
}

/** A fresh float32 tensor, owned by the caller. */
export function unpacked(packed: PackedParameter): Tensor {
  return isOnHost(packed) ? tensor(packed.dequantise(), [...packed.shape], 'float32') : dequantise(packed);
}

/** The float32 values on the host. */
export async function downloadPacked(packed: PackedParameter): Promise<Float32Array> {
  if (isOnHost(packed)) return packed.dequantise();
  const values = dequantise(packed);
  try {
    return (await values.data()) as Float32Array;
  } finally {
    values.dispose();
  }
}

export function bytesOf(packed: PackedParameter): number {
  return isOnHost(packed) ? packed.byteLength : packedBytes(packed);
}

export function discard(packed: PackedParameter): void {
  if (!isOnHost(packed)) disposePacked(packed);
}
