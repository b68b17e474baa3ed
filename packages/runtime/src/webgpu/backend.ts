import { LatteFlowError } from '@latte-flow/core';
import { backend, getBackend, type DataType, type TensorInfo } from '@tensorflow/tfjs-core';

export type DataId = object;

/** What TensorFlow.js' WebGPU backend (4.22) keeps of one tensor. */
export interface TensorData {
  values: ArrayLike<number> | null;
  resource: GPUBuffer | null;
  /** True where somebody else frees the buffer. */
  external?: boolean;
  readonly dtype: DataType;
  /** Tensors that have it; 0 where it is freed with the next submission. */
  readonly refCount: number;
}

export interface BufferPool {
  /** What `memory()` reports. */
  numBytesUsed: number;
  numBytesAllocated: number;
  acquireBuffer(size: number, usage: GPUBufferUsageFlags, mappedAtCreation?: boolean, reuse?: boolean): GPUBuffer;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
}

/** What this project reads and replaces of TensorFlow.js' WebGPU backend (4.22): the one place that knows. */
export interface WebGPUBackend {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly tensorMap: { get(dataId: DataId): TensorData; has(dataId: DataId): boolean };
  bufferManager: BufferPool;
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  /** Dispatches since the last submission, whatever the name says. */
  dispatchCountInPass: number;
  /** Tensors that unsubmitted commands use: their buffers go back to the pool after the submission. */
  commandQueueOwnedIds: { add(dataId: DataId): unknown; has(dataId: DataId): boolean };
  uniformPendingDisposal: GPUBuffer[];
  uploadToGPU(dataId: DataId): void;
  makeTensorInfo(shape: number[], dtype: DataType, values?: ArrayLike<number>): TensorInfo;
  disposeData(dataId: DataId): boolean;
  /** Whether an op of small tensors, all of them on the host, is computed there. */
  shouldExecuteOnCPU(inputs: readonly TensorInfo[], sizeThreshold?: number): boolean;
  /** Keeps what was read as the tensor's value on the host, for the next read. */
  convertAndCacheOnCPU(dataId: DataId, values: ArrayLike<number>): ArrayLike<number>;
  readSync(dataId: DataId): ArrayLike<number>;
  getBufferData(buffer: GPUBuffer): Promise<ArrayBuffer>;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** The current backend where it is WebGPU's. */
export function webgpuBackend(): WebGPUBackend | undefined {
  return getBackend() === 'webgpu' ? (backend() as unknown as WebGPUBackend) : undefined;
}

/** @throws LatteFlowError `backend-unavailable` on another backend */
export function requireWebGPU(where: string): WebGPUBackend {
  const webgpu = webgpuBackend();
  if (webgpu !== undefined) return webgpu;
  throw new LatteFlowError('backend-unavailable', {
    where,
    expected: 'the WebGPU backend',
    got: getBackend(),
    remedy: "Call bootBackend({ device: 'webgpu' }) first.",
  });
}

/** The device of the current backend, for what is compiled or measured on it; undefined on other backends. */
export function webgpuDevice(): GPUDevice | undefined {
  return webgpuBackend()?.device;
}

/** The pass that commands go to, begun where there is none. */
export function currentPass(webgpu: WebGPUBackend): GPUComputePassEncoder {
  webgpu.ensureCommandEncoderReady();
  webgpu.computePassEncoder ??= webgpu.commandEncoder!.beginComputePass();
  return webgpu.computePassEncoder;
}

/** Submits what was encoded so far, if anything. */
export function submitPending(webgpu: WebGPUBackend): void {
  if (webgpu.commandEncoder === null) return;
  webgpu.endComputePassEncoder();
  webgpu.submitQueue();
}
