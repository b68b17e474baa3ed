import { engine, findBackendFactory, registerBackend, type KernelBackend } from '@tensorflow/tfjs-core';

import type { WebGPUBackend } from './backend.ts';
import { limitBuffers } from './buffer-limits.ts';
import { watchForErrors } from './device-errors.ts';
import { isLost, watchReads } from './device-loss.ts';
import { uploadDirectly } from './direct-upload.ts';
import { readWrittenAnew } from './in-place.ts';
import { correctTransposedProducts } from './transposed-product.ts';

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

export type BackendConstructor = new (device: GPUDevice, info: GPUAdapterInfo) => KernelBackend;

/** Dawn needs an adapter that nobody else refers to as long as its device. */
const adapters = new WeakMap<GPUDevice, GPUAdapter>();
const prepared = new WeakSet<WebGPUBackend>();

function prepare(webgpu: WebGPUBackend): void {
  if (prepared.has(webgpu)) return;
  prepared.add(webgpu);
  limitBuffers(webgpu);
  uploadDirectly(webgpu);
  readWrittenAnew(webgpu);
  watchForErrors(webgpu.device);
  watchReads(webgpu);
}

async function createBackend(Backend: BackendConstructor): Promise<KernelBackend> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error('no WebGPU adapter');
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  adapters.set(device, adapter);
  const created = new Backend(device, adapter.info);
  prepare(created as unknown as WebGPUBackend);
  return created;
}

/** What the adapter says of itself; more than `device.adapterInfo` does in Dawn, which leaves out the subgroup matrices there. */
export function adapterInfoOf(device: GPUDevice): GPUAdapterInfo {
  return adapters.get(device)?.info ?? device.adapterInfo;
}

let isRegistered = false;

/**
 * Puts a backend whose device has every feature that the kernels can use in the place of the one that
 * TensorFlow.js registers, which asks for none; once, and anew where the device was lost. A backend that somebody else
 * started before is kept, with what its device can do, because tensors may live on it.
 */
export function registerWebGPU(Backend: BackendConstructor): void {
  correctTransposedProducts();
  const inUse = engine().registry['webgpu'] as unknown as WebGPUBackend | undefined;
  if (inUse !== undefined && !isLost(inUse.device)) return prepare(inUse);
  if (isRegistered && inUse === undefined) return;
  if (findBackendFactory('webgpu') !== null) engine().removeBackend('webgpu');
  registerBackend('webgpu', () => createBackend(Backend), 3);
  isRegistered = true;
}
