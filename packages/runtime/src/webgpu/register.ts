import { engine, registerBackend, type KernelBackend } from '@tensorflow/tfjs-core';

import type { WebGPUBackend } from './backend.ts';
import { uploadDirectly } from './direct-upload.ts';
import { watchForLoss } from './device-loss.ts';

/** Features that kernels have variants for, and those that TensorFlow.js asks for itself. */
const FEATURES = [
  'timestamp-query',
  'bgra8unorm-storage',
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
] as const;

/** Limits of which everything is asked for that the adapter has. */
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxBufferSize',
] as const;

type BackendConstructor = new (device: GPUDevice, info: GPUAdapterInfo) => KernelBackend;

async function createBackend(Backend: BackendConstructor): Promise<KernelBackend> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error('no WebGPU adapter');
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  const created = new Backend(device, adapter.info);
  const webgpu = created as unknown as WebGPUBackend;
  uploadDirectly(webgpu);
  watchForLoss(webgpu);
  return created;
}

/**
 * Puts a backend whose device has every feature that the kernels can use in the place of the one that
 * TensorFlow.js registers, which asks for none. Runs before the backend is first set, and again after its device was lost.
 */
export function registerWebGPU(Backend: BackendConstructor): void {
  engine().removeBackend('webgpu');
  registerBackend('webgpu', () => createBackend(Backend), 3);
}
