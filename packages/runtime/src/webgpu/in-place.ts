import type { DataId, WebGPUBackend } from './backend.ts';

const written = new WeakSet<DataId>();

/**
 * Marks a tensor that programs write in its place. What is read of it is not kept on the host, as TensorFlow.js does: it
 * would be the old value after the next write, and a replay writes without anybody's knowing.
 */
export function markWritten(webgpu: WebGPUBackend, dataId: DataId): void {
  written.add(dataId);
  webgpu.tensorMap.get(dataId).values = null;
}

/** Makes the backend forget what it read of the tensors that were marked. */
export function readWrittenAnew(webgpu: WebGPUBackend): void {
  const keep = webgpu.convertAndCacheOnCPU.bind(webgpu);
  webgpu.convertAndCacheOnCPU = (dataId, values) => (written.has(dataId) ? values : keep(dataId, values));
}
