import { LatteFlowError } from '@latte-flow/core';

import type { WebGPUBackend } from './backend.ts';

const STORAGE = 0x80; // GPUBufferUsage.STORAGE

/** The largest tensor in bytes that a device takes. */
export function largestTensor({ limits }: GPUDevice): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

/**
 * Refuses a buffer before it is made: WebGPU itself would make an invalid one, and the commands that use it would be dropped.
 * @throws LatteFlowError `device-limit`
 */
export function requireBuffer(device: GPUDevice, size: number, usage: GPUBufferUsageFlags): void {
  const limit = (usage & STORAGE) === 0 ? device.limits.maxBufferSize : largestTensor(device);
  if (size <= limit) return;
  throw new LatteFlowError('device-limit', {
    where: 'WebGPU',
    expected: `tensors of at most ${limit} bytes, the limit of this device`,
    got: `one of ${size} bytes`,
    remedy: 'Use a smaller batch or image, or another device.',
    data: { bytes: size, limit },
  });
}

/** Makes TensorFlow.js' own ops refuse tensors that the device does not take. */
export function limitBuffers({ device, bufferManager }: WebGPUBackend): void {
  const acquire = bufferManager.acquireBuffer.bind(bufferManager);
  bufferManager.acquireBuffer = (size, usage, ...options) => {
    requireBuffer(device, size, usage);
    return acquire(size, usage, ...options);
  };
}
