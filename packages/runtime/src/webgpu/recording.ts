import { refuseArgument } from '@latte-flow/core';
import { env } from '@tensorflow/tfjs-core';

import { submitPending, type DataId, type TensorData, type WebGPUBackend } from './backend.ts';
import type { CapturePool } from './capture-pool.ts';
import type { CommandRecorder } from './recorder.ts';

/** The tensors of a recording. */
export interface RecordedTensors {
  /** Made before it, such as weights, and the buffers that its commands use of them. */
  readonly borrowed: Map<TensorData, GPUBuffer>;
  /** Made in it, as far as they reached the device. */
  readonly made: Set<DataId>;
}

const recording = new WeakSet<WebGPUBackend>();

/** Whether what is encoded now is kept for replays, and encoded again by each. */
export function isRecording(webgpu: WebGPUBackend): boolean {
  return recording.has(webgpu);
}

/** Ids count up. */
const numberOf = (dataId: DataId): number => (dataId as { readonly id: number }).id;

function firstNewId(webgpu: WebGPUBackend): number {
  const { dataId } = webgpu.makeTensorInfo([0], 'float32');
  webgpu.disposeData(dataId);
  return numberOf(dataId);
}

function refuseRead(): never {
  return refuseArgument({
    where: 'captureStep',
    expected: 'a step that only computes',
    got: 'one that reads or copies a tensor',
    remedy: 'Read results after CapturedStep.run.',
  });
}

/**
 * Runs `step` with a recorder in the place of the backend's encoder and a pool of its own, and puts everything back after it.
 * @throws LatteFlowError `invalid-argument` if the step reads a tensor of the device; what the step throws
 */
export function record<T>(
  webgpu: WebGPUBackend,
  { pool, recorder, tensors }: { pool: CapturePool; recorder: CommandRecorder; tensors: RecordedTensors },
  step: () => T,
): T {
  submitPending(webgpu);
  const { bufferManager, commandQueueOwnedIds, uploadToGPU, submitQueue, shouldExecuteOnCPU } = webgpu;
  const batch = env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE');
  const firstId = firstNewId(webgpu);
  const isNew = (dataId: DataId): boolean => numberOf(dataId) >= firstId;
  let hasRead = false;

  env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', Infinity);
  recording.add(webgpu);
  webgpu.bufferManager = pool;
  webgpu.commandEncoder = recorder.encoder();
  webgpu.computePassEncoder = null;
  // Buffers of tensors that are done with go to the next op at once, instead of after the submission.
  webgpu.commandQueueOwnedIds = { add: () => undefined, has: () => false };
  // The host may compute what is the same in every run, and nothing else.
  webgpu.shouldExecuteOnCPU = (inputs, sizeThreshold) =>
    inputs.every(({ dataId }) => isNew(dataId)) && shouldExecuteOnCPU.call(webgpu, inputs, sizeThreshold);
  webgpu.uploadToGPU = (dataId) => {
    const data = webgpu.tensorMap.get(dataId);
    const isUploaded = data.resource !== null && data.resource !== undefined;
    if (!isUploaded) {
      // Weights that reach the device only now outlive the step; what it uploads itself is a constant of its own.
      const isConstant = data.values !== null && data.values !== undefined;
      webgpu.bufferManager = isNew(dataId) ? pool : bufferManager;
      try {
        if (isConstant) pool.withConstants(() => uploadToGPU.call(webgpu, dataId));
        else uploadToGPU.call(webgpu, dataId);
      } finally {
        webgpu.bufferManager = pool;
      }
    }
    if (isNew(dataId)) tensors.made.add(dataId);
    else tensors.borrowed.set(data, data.resource!);
  };
  webgpu.submitQueue = () => {
    hasRead = true;
    refuseRead();
  };
  try {
    const result = step();
    if (hasRead) refuseRead(); // whose promise was rejected, and may have been ignored
    return result;
  } finally {
    recording.delete(webgpu);
    Object.assign(webgpu, { bufferManager, commandQueueOwnedIds, uploadToGPU, submitQueue, shouldExecuteOnCPU });
    webgpu.commandEncoder = null;
    webgpu.computePassEncoder = null;
    webgpu.dispatchCountInPass = 0;
    webgpu.uniformPendingDisposal = []; // the pool's
    env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', batch);
  }
}
