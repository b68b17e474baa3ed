import { LatteFlowError, requireShape } from '@latte-flow/core';
import { clone, engine, env, keep, memory, tidy, type DataType, type Tensor } from '@tensorflow/tfjs-core';

import { requireAlive } from '../ownership/tensor-owner.ts';
import { submitPending, webgpuBackend, type WebGPUBackend } from './backend.ts';
import { CapturePool } from './capture-pool.ts';
import { requireDevice } from './device-loss.ts';
import { encodeCopy, CommandRecorder } from './recorder.ts';

/** A step of tensors to tensors. Each result is a new tensor; everything else that it makes it disposes of. */
export type TensorStep = (...inputs: Tensor[]) => Tensor[];

export interface CapturedStep extends Disposable {
  /**
   * Runs the step on tensors of the shapes that it was captured with. Borrows them.
   * @returns the step's results, owned by the caller
   * @throws LatteFlowError `shape-mismatch`, `disposed`, `device-lost`
   */
  run(...inputs: Tensor[]): Tensor[];
  /** Commands that one run encodes; 0 where nothing is recorded. */
  readonly commands: number;
  /** Bytes of the device's memory that the step holds: its intermediate tensors. */
  readonly bytes: number;
  dispose(): void;
}

interface Signature {
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

function requireInputs(inputs: readonly Tensor[], expected: readonly Signature[]): void {
  requireShape('CapturedStep.run', 'inputs', [inputs.length], [expected.length]);
  expected.forEach(({ shape }, i) => requireShape('CapturedStep.run', `inputs[${i}]`, inputs[i]!.shape, shape));
}

/** Where nothing can be recorded, a step is run as it is. */
class PlainStep implements CapturedStep {
  readonly commands = 0;
  readonly bytes = 0;
  readonly #step: TensorStep;
  readonly #signatures: readonly Signature[];
  #disposed = false;

  constructor(step: TensorStep, signatures: readonly Signature[]) {
    this.#step = step;
    this.#signatures = signatures;
  }

  run(...inputs: Tensor[]): Tensor[] {
    requireAlive('CapturedStep.run', 'captured step', this.#disposed);
    requireInputs(inputs, this.#signatures);
    return tidy(() => this.#step(...inputs));
  }

  dispose(): void {
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Capture {
  readonly recorder: CommandRecorder;
  readonly pool: CapturePool;
  /** What a run copies its inputs to, and its results from. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

class RecordedStep implements CapturedStep {
  readonly #webgpu: WebGPUBackend;
  readonly #capture: Capture;
  #disposed = false;

  constructor(webgpu: WebGPUBackend, capture: Capture) {
    this.#webgpu = webgpu;
    this.#capture = capture;
  }

  get commands(): number {
    return this.#capture.recorder.length;
  }

  get bytes(): number {
    return this.#capture.pool.bytes;
  }

  run(...inputs: Tensor[]): Tensor[] {
    requireAlive('CapturedStep.run', 'captured step', this.#disposed);
    requireInputs(inputs, this.#capture.inputs);
    requireDevice('CapturedStep.run', this.#webgpu.device);
    inputs.forEach((input, i) => this.#copy(input, this.#capture.inputs[i]!));
    this.#capture.recorder.replay(this.#webgpu);
    return this.#capture.outputs.map((output) => {
      const result = engine().makeTensorFromTensorInfo(this.#webgpu.makeTensorInfo([...output.shape], output.dtype));
      this.#copy(output, result);
      return result;
    });
  }

  #copy(from: Tensor, to: Tensor): void {
    for (const { dataId } of [from, to]) {
      this.#webgpu.uploadToGPU(dataId);
      this.#webgpu.commandQueueOwnedIds.add(dataId);
    }
    const source = this.#webgpu.tensorMap.get(from.dataId).resource!;
    const target = this.#webgpu.tensorMap.get(to.dataId).resource!;
    encodeCopy(this.#webgpu, { source, target, size: 4 * from.size });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    submitPending(this.#webgpu); // commands that use the buffers
    for (const tensor of [...this.#capture.inputs, ...this.#capture.outputs]) tensor.dispose();
    this.#capture.pool.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Puts recording in the place of the backend's encoder and pool while `step` runs, and everything back after it. */
function record<T>(webgpu: WebGPUBackend, pool: CapturePool, recorder: CommandRecorder, step: () => T): T {
  submitPending(webgpu);
  const { bufferManager, commandQueueOwnedIds, uploadToGPU, submitQueue } = webgpu;
  const batch = env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE');
  const handOff = env().getBool('WEBGPU_CPU_FORWARD');
  env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', Infinity);
  env().set('WEBGPU_CPU_FORWARD', false); // a value that the host computes would be that of the first run for ever
  const firstId = (webgpu.makeTensorInfo([0], 'float32').dataId as { id: number }).id;
  webgpu.bufferManager = pool;
  webgpu.commandEncoder = recorder.encoder();
  webgpu.computePassEncoder = null;
  // Buffers of tensors that are done with go to the next op at once, instead of after the submission.
  webgpu.commandQueueOwnedIds = { add: () => undefined, has: () => false };
  webgpu.uploadToGPU = (dataId) => {
    const data = webgpu.tensorMap.get(dataId);
    if (data.resource !== null && data.resource !== undefined) return;
    const isNew = (dataId as { id: number }).id >= firstId;
    const isConstant = data.values !== null && data.values !== undefined;
    // Weights that reach the device only now outlive the step; what it uploads itself is a constant of its own.
    webgpu.bufferManager = !isNew
      ? bufferManager
      : isConstant
        ? { acquireBuffer: (...size) => pool.acquireConstant(size[0], size[1]), releaseBuffer: () => {} }
        : pool;
    try {
      uploadToGPU(dataId);
    } finally {
      webgpu.bufferManager = pool;
    }
  };
  webgpu.submitQueue = () => {
    throw new LatteFlowError('invalid-argument', {
      where: 'captureStep',
      expected: 'a step that only computes',
      got: 'one that reads or copies a tensor',
      remedy: 'Read results after CapturedStep.run.',
    });
  };
  try {
    return step();
  } finally {
    Object.assign(webgpu, { bufferManager, commandQueueOwnedIds, uploadToGPU, submitQueue });
    webgpu.commandEncoder = null;
    webgpu.computePassEncoder = null;
    webgpu.dispatchCountInPass = 0;
    webgpu.uniformPendingDisposal = []; // the pool's
    env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', batch);
    env().set('WEBGPU_CPU_FORWARD', handOff);
  }
}

/**
 * Records the commands of a step once (pipelines, bindings, sizes), so that each run encodes them without any op's
 * JavaScript, as CUDA graphs do. Numbers that the step computes on the host are those of the recording in every run:
 * pass as an input what changes. Tensors that it closes over (weights) are borrowed, and must live as long as the captured
 * step; values that are written into them in place are seen. Off WebGPU every run calls the step.
 *
 * @param examples tensors of the shapes and dtypes of the inputs; borrowed, their values don't matter
 * @returns owned by the caller; holds the step's intermediate tensors on the device
 * @throws LatteFlowError `invalid-argument` if the step reads a tensor or leaves some behind; what the step throws
 */
export function captureStep(step: TensorStep, examples: readonly Tensor[]): CapturedStep {
  const webgpu = webgpuBackend();
  if (webgpu === undefined) {
    return new PlainStep(
      step,
      examples.map(({ shape, dtype }) => ({ shape: [...shape], dtype })),
    );
  }
  requireDevice('captureStep', webgpu.device);
  const pool = new CapturePool(webgpu.device, webgpu.bufferManager);
  const recorder = new CommandRecorder();
  const inputs: Tensor[] = [];
  try {
    const outputs = record(webgpu, pool, recorder, () => {
      for (const { shape, dtype } of examples) {
        const input = keep(engine().makeTensorFromTensorInfo(webgpu.makeTensorInfo([...shape], dtype)));
        webgpu.uploadToGPU(input.dataId);
        inputs.push(input);
      }
      const before = memory().numTensors;
      const results = tidy(() =>
        step(...inputs).map((result) => keep(inputs.includes(result) ? clone(result) : result)),
      );
      if (memory().numTensors !== before + results.length)
        throw leftBehind(memory().numTensors - before - results.length);
      return results;
    });
    // Their buffers are the pool's to free.
    for (const { dataId } of [...inputs, ...outputs]) webgpu.tensorMap.get(dataId).external = true;
    return new RecordedStep(webgpu, { recorder, pool, inputs, outputs });
  } catch (error) {
    for (const input of inputs) {
      webgpu.tensorMap.get(input.dataId).external = true;
      input.dispose();
    }
    pool.dispose();
    throw error;
  }
}

function leftBehind(count: number): LatteFlowError {
  return new LatteFlowError('invalid-argument', {
    where: 'captureStep',
    expected: 'a step that leaves no tensors but its results',
    got: `one that leaves ${count} more`,
    remedy: 'Make what outlives the step before it is captured.',
    data: { count },
  });
}
