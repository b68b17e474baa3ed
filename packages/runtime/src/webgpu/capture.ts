import { LatteFlowError, refuseArgument } from '@latte-flow/core';
import { clone, engine, keep, memory, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { webgpuBackend, type WebGPUBackend } from './backend.ts';
import { CaptureMemory } from './capture-memory.ts';
import { CapturePool } from './capture-pool.ts';
import type { CapturedStep, Signature, TensorStep } from './captured-step.ts';
import { requireDevice } from './device-loss.ts';
import { PlainStep } from './plain-step.ts';
import { CommandRecorder } from './recorder.ts';
import { RecordedStep } from './recorded-step.ts';
import { record, type RecordedTensors } from './recording.ts';

function signatureOf({ shape, dtype }: Tensor, index: number): Signature {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return { shape: [...shape], dtype };
  return refuseArgument({
    where: 'captureStep',
    expected: `examples[${index}] in float32, int32 or bool`,
    got: dtype,
    remedy: 'Pass complex numbers as two tensors.',
  });
}

function requireOutermost({ bufferManager }: WebGPUBackend): void {
  if (!(bufferManager instanceof CapturePool)) return;
  refuseArgument({
    where: 'captureStep',
    expected: 'a step that captures none itself',
    got: 'a capture inside of another',
    remedy: 'Capture the inner step before the outer one.',
  });
}

/** The step's results as tensors of their own, kept: an input or what the step closes over stays its owner's. */
function keepResults(step: TensorStep, inputs: readonly Tensor[]): Tensor[] {
  const before = memory().numTensors;
  const results = tidy(() => step(...inputs).map((result) => keep(clone(result))));
  const count = memory().numTensors - before - results.length;
  if (count === 0) return results;
  for (const result of results) result.dispose();
  throw new LatteFlowError('invalid-argument', {
    where: 'captureStep',
    expected: 'a step that leaves no tensors but its results',
    got: count > 0 ? `one that leaves ${count} more` : `one that disposes of ${-count} that were there before`,
    remedy: 'Make what outlives the step before it is captured, and dispose of it after the last run.',
    data: { count },
  });
}

/** Takes the pool's buffers from the tensors that have them, so that nobody hands them back to the backend. */
function detach(webgpu: WebGPUBackend, pool: CapturePool, { made }: RecordedTensors): void {
  for (const dataId of made) {
    if (!webgpu.tensorMap.has(dataId)) continue;
    const data = webgpu.tensorMap.get(dataId);
    if (data.resource !== null && pool.owns(data.resource)) data.external = true;
  }
}

export interface CaptureOptions {
  /** Where the intermediate tensors lie; steps that share it run one after another. Default: the step's own. */
  readonly memory?: CaptureMemory;
}

/** The pool of a step, in memory that is shared or goes with it. */
function openPool({ device, bufferManager }: WebGPUBackend, memory: CaptureMemory | undefined): CapturePool {
  if (memory !== undefined) return new CapturePool(device, bufferManager, memory);
  using own = new CaptureMemory();
  return new CapturePool(device, bufferManager, own);
}

/**
 * Records the commands of a step once (pipelines, bindings, sizes), so that each run encodes them without any op's
 * JavaScript, as CUDA graphs do. Numbers that the step computes on the host are those of the recording in every run:
 * pass as an input what changes. Tensors that it closes over (weights) are borrowed, and must live as long as the captured
 * step; values that are written into them in place are seen. Off WebGPU every run calls the step.
 *
 * @param examples tensors of the shapes and dtypes of the inputs; borrowed, their values don't matter
 * @returns owned by the caller; holds the step's intermediate tensors on the device
 * @throws LatteFlowError `invalid-argument` if the step reads a tensor, leaves some behind or captures one itself;
 * `device-limit`, `device-lost`; what the step throws; as `CaptureMemory.lend`
 */
export function captureStep(
  step: TensorStep,
  examples: readonly Tensor[],
  { memory }: CaptureOptions = {},
): CapturedStep {
  const signatures = examples.map(signatureOf);
  const webgpu = webgpuBackend();
  if (webgpu === undefined) return new PlainStep(step, signatures);
  requireDevice('captureStep', webgpu.device);
  requireOutermost(webgpu);
  const pool = openPool(webgpu, memory);
  const recorder = new CommandRecorder();
  const tensors: RecordedTensors = { borrowed: new Map(), made: new Set() };
  const inputs: Tensor[] = [];
  let outputs: readonly Tensor[] = [];
  try {
    record(webgpu, { pool, recorder, tensors }, () => {
      for (const { shape, dtype } of signatures) {
        const input = keep(engine().makeTensorFromTensorInfo(webgpu.makeTensorInfo([...shape], dtype)));
        inputs.push(input);
        webgpu.uploadToGPU(input.dataId);
      }
      outputs = keepResults(step, inputs);
    });
    detach(webgpu, pool, tensors);
    return new RecordedStep(webgpu, { recorder, pool, inputs, outputs, borrowed: tensors.borrowed });
  } catch (error) {
    detach(webgpu, pool, tensors);
    for (const tensor of [...inputs, ...outputs]) tensor.dispose();
    pool.dispose();
    throw error;
  }
}
