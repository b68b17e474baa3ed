import { LatteFlowError } from '@latte-flow/core';

import type { WebGPUBackend } from './backend.ts';

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

/** Remembers a loss, and makes reads of tensors fail with `device-lost` from then on. */
export function watchForLoss(webgpu: WebGPUBackend): void {
  const { device } = webgpu;
  void device.lost.then((info) => losses.set(device, info));
  const read = webgpu.getBufferData.bind(webgpu);
  webgpu.getBufferData = async (buffer) => {
    requireDevice('Tensor.data', device);
    try {
      return await read(buffer);
    } catch (error) {
      // The rejection of the read and the promise of the loss settle in either order.
      await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, 0))]);
      requireDevice('Tensor.data', device);
      throw error;
    }
  };
}
