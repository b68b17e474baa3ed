import type { Shape } from '@latte-flow/core';

import type { Dtype } from './dtype.ts';
import { headerLength, LENGTH_BYTES, parseHeader } from './header.ts';

/** A tensor as it lies in a file. `bytes` is a view of the file's buffer, little-endian, row-major. */
export interface TensorView {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly tensors: Map<string, TensorView>;
  /** The strings under `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a safetensors file without copying: the views share `bytes`' buffer and keep it alive.
 * @throws LatteFlowError `checkpoint-invalid` if anything about the file is wrong, naming the tensor.
 */
export function parseSafetensors(bytes: Uint8Array): Safetensors {
  const end = LENGTH_BYTES + headerLength(bytes, bytes.length);
  const { entries, metadata, dataStart } = parseHeader(bytes.subarray(LENGTH_BYTES, end), bytes.length - end);
  const tensors = new Map<string, TensorView>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, { dtype, shape, bytes: bytes.subarray(dataStart + begin, dataStart + end) });
  }
  return { tensors, metadata };
}
