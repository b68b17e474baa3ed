import { backend, getBackend } from '@tensorflow/tfjs-core';

/** What this needs to know of TensorFlow.js' WebGPU backend (4.22). */
interface PooledBackend {
  readonly queue: GPUQueue;
  readonly bufferManager: { readonly freeBuffers: ReadonlyMap<string, readonly GPUBuffer[]> };
}

const [STORAGE, COPY_DST] = [0x80, 0x8]; // GPUBufferUsage
let nan = new Float32Array(0);

/**
 * Writes NaN into all buffers that WebGPU tensors have released: the next tensors get those, and an element that a kernel
 * leaves unwritten shows. Without effect on other backends, which hand out new arrays.
 */
export function poisonReleasedBuffers(): void {
  if (getBackend() !== 'webgpu') return;
  const { queue, bufferManager } = backend() as unknown as PooledBackend;
  for (const buffers of bufferManager.freeBuffers.values()) {
    for (const buffer of buffers) {
      if ((buffer.usage & STORAGE) === 0 || (buffer.usage & COPY_DST) === 0) continue;
      const length = buffer.size / 4;
      if (nan.length < length) nan = new Float32Array(length).fill(Number.NaN);
      queue.writeBuffer(buffer, 0, nan.subarray(0, length));
    }
  }
}
