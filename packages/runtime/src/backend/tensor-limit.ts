import { getBackend } from '@tensorflow/tfjs-core';

import { webgpuBackend } from '../webgpu/backend.ts';
import { largestTensor } from '../webgpu/buffer-limits.ts';

/** WebAssembly's memory, in all. */
const WASM_BYTES = 2 ** 32;
/** The longest typed array of today's engines has at least so many bytes. */
const HOST_BYTES = 2 ** 33;

/** Bytes of the largest tensor that the current backend can hold; less may be left. */
export function largestTensorBytes(): number {
  const webgpu = webgpuBackend();
  if (webgpu === undefined) return getBackend() === 'wasm' ? WASM_BYTES : HOST_BYTES;
  return largestTensor(webgpu.device);
}
