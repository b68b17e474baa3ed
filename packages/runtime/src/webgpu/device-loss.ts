import { LatteFlowError } from '@latte-flow/core';

import type { WebGPUBackend } from './backend.ts';
import { requireNoError } from './device-errors.ts';

const losses = new WeakMap<GPUDevice, GPUDeviceLostInfo>();

/** True after the GPU, its driver or the browser took the device away: its tensors are gone, and another must be booted. */
export function isLost(device: GPUDevice): boolean {
  return losses.has(device);
}

/** @throws LatteFlowError `device-lost` */
export function requireDevice(where: string, device: GPUDevice): void {
  const loss = losses.get(device);
  if (loss === undefined) return;
  throw new LatteFlowError('device-lost', {
    where,
    expected: 'a WebGPU device in use',
    got: `one that was lost (${loss.message || loss.reason})`,
    remedy: 'Call bootBackend again, and load models anew: the tensors of the lost device are gone.',
    data: { reason: loss.reason },
  });
}

/** Makes reads of tensors fail where the device was lost, or where commands before them failed. */
export function watchReads(webgpu: WebGPUBackend): void {
  const { device } = webgpu;
  void device.lost.then((info) => losses.set(device, info));
  const read = webgpu.getBufferData.bind(webgpu);
  webgpu.getBufferData = async (buffer) => {
    requireDevice('Tensor.data', device);
    try {
      const data = await read(buffer);
      requireNoError('Tensor.data', device);
      return data;
    } catch (error) {
      // The rejection of the read and the promise of the loss settle in either order.
      await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, 0))]);
      requireDevice('Tensor.data', device);
      throw error;
    }
  };
  // Also what moves a tensor to another backend.
  const readSync = webgpu.readSync.bind(webgpu);
  webgpu.readSync = (dataId) => {
    const { values } = webgpu.tensorMap.get(dataId);
    if (values === null || values === undefined) requireDevice('Tensor.dataSync', device);
    return readSync(dataId);
  };
}
