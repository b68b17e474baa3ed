import type { Tensor } from '@tensorflow/tfjs-core';

import { webgpuBackend, type WebGPUBackend } from './backend.ts';
import { isRecording } from './recording.ts';
import { StagingBuffers } from './staging.ts';

const TENSOR_USAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

/**
 * Sends a tensor to the GPU now. The WebGPU backend otherwise keeps the host's values until an op first reads them, and
 * a large model would be there twice. Nothing to do on other backends, which have taken the values over already.
 */
export function uploadNow({ dataId }: Tensor): void {
  webgpuBackend()?.uploadToGPU(dataId);
}

/**
 * Makes the backend upload through `queue.writeBuffer`, and large arrays through staging buffers that are used again. Its own way
 * stages every tensor, each scalar operand of an op among them, in a new mapped buffer and copies that inside the
 * command encoder, which ends the compute pass.
 *
 * Safe because buffers come back to the backend's pool only after the commands that use them were submitted: a write
 * to one is ordered after those, and before everything that is still to be submitted.
 */
export function uploadDirectly(webgpu: WebGPUBackend): void {
  const stage = webgpu.uploadToGPU.bind(webgpu);
  const staging = new StagingBuffers(webgpu);
  webgpu.uploadToGPU = (dataId) => {
    const data = webgpu.tensorMap.get(dataId);
    const { values, dtype } = data;
    const isNumeric = dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
    if (data.resource !== null && data.resource !== undefined) return;
    if (values === null || values === undefined || !isNumeric) return stage(dataId);
    const elements = dtype === 'float32' ? asArray(values, Float32Array) : asArray(values, Int32Array);
    data.resource = webgpu.bufferManager.acquireBuffer(elements.byteLength, TENSOR_USAGE);
    if (isRecording(webgpu) || !staging.write(data.resource, elements))
      webgpu.queue.writeBuffer(data.resource, 0, elements);
    data.values = null;
  };
}

function asArray<T extends Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(
  values: ArrayLike<number>,
  Elements: { new (values: ArrayLike<number>): T },
): T {
  return values instanceof Elements ? values : new Elements(values);
}
