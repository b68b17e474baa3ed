import { refuseArgument } from '@latte-flow/core';
import { engine, type KernelBackend, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

import { requireAlive } from '../ownership/tensor-owner.ts';
import { submitPending, type TensorData, type WebGPUBackend } from './backend.ts';
import { CapturePool } from './capture-pool.ts';
import { gone, requireInputs, type CapturedStep } from './captured-step.ts';
import { requireDevice } from './device-loss.ts';
import { encodeCopy, type CommandRecorder } from './recorder.ts';
import { asDeclared } from './run-program.ts';

/** What was recorded of a step. */
export interface Capture {
  readonly recorder: CommandRecorder;
  readonly pool: CapturePool;
  /** What a run copies its inputs to, and its results from. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Tensors that the commands use and do not own. */
  readonly borrowed: ReadonlyMap<TensorData, GPUBuffer>;
}

/** A step of which every run encodes the recorded commands. */
export class RecordedStep implements CapturedStep {
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
    const { recorder, inputs: places, outputs } = this.#capture;
    requireAlive('CapturedStep.run', 'captured step', this.#disposed);
    requireInputs(inputs, places);
    requireDevice('CapturedStep.run', this.#webgpu.device);
    this.#requireBorrowed();
    this.#requireOwnMemory();
    for (const [i, input] of inputs.entries()) {
      const source = asDeclared(this.#webgpu, input);
      this.#copy(source, places[i]!);
      if (source !== input) (source as Tensor).dispose();
    }
    recorder.replay(this.#webgpu);
    return outputs.map((output) => this.#result(output));
  }

  /** Otherwise the commands would read what others have written into the buffers since. */
  #requireBorrowed(): void {
    for (const [{ refCount, resource }, buffer] of this.#capture.borrowed) {
      if (refCount > 0 && resource === buffer) continue;
      throw gone('CapturedStep.run', 'every tensor that the step closes over');
    }
  }

  /** A capture that runs this step must not lay its tensors where this one's lie. */
  #requireOwnMemory(): void {
    const { bufferManager } = this.#webgpu;
    if (!(bufferManager instanceof CapturePool) || !bufferManager.sharesMemoryWith(this.#capture.pool)) return;
    refuseArgument({
      where: 'CapturedStep.run',
      expected: 'a step within another to have memory of its own',
      got: 'the memory of the other',
      remedy: 'Capture them with different memories.',
    });
  }

  #result(output: Tensor): Tensor {
    // A result that was cast keeps the values of what it was cast from, as TensorFlow.js has it.
    const { dtype } = this.#webgpu.tensorMap.get(output.dataId);
    const values = output.size === 0 ? [] : undefined;
    const info = { ...this.#webgpu.makeTensorInfo([...output.shape], dtype, values), dtype: output.dtype };
    const result = engine().makeTensorFromTensorInfo(info, this.#webgpu as unknown as KernelBackend);
    this.#copy(output, result);
    return result;
  }

  #copy(from: TensorInfo, to: Tensor): void {
    if (to.size === 0) return;
    for (const { dataId } of [from, to]) {
      this.#webgpu.uploadToGPU(dataId);
      this.#webgpu.commandQueueOwnedIds.add(dataId);
    }
    const source = this.#webgpu.tensorMap.get(from.dataId).resource!;
    const target = this.#webgpu.tensorMap.get(to.dataId).resource!;
    encodeCopy(this.#webgpu, { source, target, size: 4 * to.size });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { inputs, outputs, pool } = this.#capture;
    submitPending(this.#webgpu); // commands that use the buffers
    for (const tensor of [...inputs, ...outputs]) tensor.dispose();
    pool.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
