import { LatteFlowError } from '@latte-flow/core';

const errors = new WeakMap<GPUDevice, GPUError>();

/** Remembers the first error that WebGPU reports of a device: commands were dropped, and what they should have written is not there. */
export function watchForErrors(device: GPUDevice): void {
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // the reader is told
    if (!errors.has(device)) errors.set(device, event.error);
  });
}

/**
 * Reports an error of the commands before, once.
 * @throws LatteFlowError `device-limit` where the device's memory was used up, else `backend-unavailable`
 */
export function requireNoError(where: string, device: GPUDevice): void {
  const error = errors.get(device);
  if (error === undefined) return;
  errors.delete(device);
  const isMemory = error.constructor.name === 'GPUOutOfMemoryError';
  throw new LatteFlowError(isMemory ? 'device-limit' : 'backend-unavailable', {
    where,
    expected: isMemory ? 'enough memory on the WebGPU device' : 'a WebGPU device that runs what it was given',
    got: error.message,
    remedy: isMemory
      ? 'Use a smaller batch, image or model, packed weights, or another device.'
      : 'Report it with this message, or choose another device.',
    data: { message: error.message },
  });
}
