import { elementCount, formatShape, LatteFlowError, type Shape } from '@latte-flow/core';
import { engine, env, type DataType, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

import { currentPass, requireWebGPU, submitPending, type WebGPUBackend } from './backend.ts';
import { requireDevice } from './device-loss.ts';
import { pipelineOf, type Program } from './program.ts';
import { uniformBuffer } from './uniforms.ts';

/** A tensor to be made. */
export interface OutputSpec {
  readonly shape: Shape;
  /** Default float32. */
  readonly dtype?: DataType;
}

/** A tensor that exists, to be written in its place. Never also an input of the same run. */
export interface Destination {
  readonly into: TensorInfo;
}

export interface Run {
  /** In the order of the program's declarations. Borrowed. */
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly (OutputSpec | Destination)[];
  /** In the order of the program's declarations. */
  readonly params?: readonly number[];
  readonly workgroups: readonly [x: number, y?: number, z?: number];
}

/** Bytes of a tensor as WebGPU holds it: 4 an element. */
function requireBindable(webgpu: WebGPUBackend, program: Program, shape: Shape): void {
  const bytes = 4 * elementCount(shape);
  const { maxStorageBufferBindingSize, maxBufferSize } = webgpu.device.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  if (bytes <= limit) return;
  throw new LatteFlowError('device-limit', {
    where: program.name,
    expected: `tensors of at most ${limit} bytes, the limit of this WebGPU device`,
    got: `one of shape ${formatShape(shape)}, ${bytes} bytes`,
    remedy: 'Use a smaller batch or image, or another device.',
    data: { shape, bytes, limit },
  });
}

function requireDispatchable(webgpu: WebGPUBackend, program: Program, workgroups: readonly number[]): void {
  const limit = webgpu.device.limits.maxComputeWorkgroupsPerDimension;
  if (workgroups.every((count) => count <= limit)) return;
  throw new LatteFlowError('device-limit', {
    where: program.name,
    expected: `at most ${limit} workgroups along each axis, the limit of this WebGPU device`,
    got: formatShape(workgroups),
    remedy: 'Use a smaller batch or image, or another device.',
    data: { workgroups, limit },
  });
}

/**
 * Encodes one dispatch of a program after everything that was asked of the backend before. Checks sizes against the
 * device's limits first.
 *
 * @returns the tensors of `outputs` in order: new ones, which the caller owns (and a surrounding `tidy` tracks); for
 * destinations nothing
 * @throws LatteFlowError `backend-unavailable` on another backend, `device-limit`, `device-lost`
 */
export function runProgram(program: Program, { inputs, outputs, params = [], workgroups }: Run): Tensor[] {
  const webgpu = requireWebGPU(program.name);
  const { device } = webgpu;
  const [x, y = 1, z = 1] = workgroups;
  requireDevice(program.name, device);
  requireDispatchable(webgpu, program, [x, y, z]);
  for (const { shape } of inputs) requireBindable(webgpu, program, shape);
  for (const output of outputs) if ('shape' in output) requireBindable(webgpu, program, output.shape);

  const created: Tensor[] = [];
  const written = outputs.map((output): TensorInfo => {
    if ('into' in output) return output.into;
    const { shape, dtype = 'float32' } = output;
    const info = webgpu.makeTensorInfo([...shape], dtype);
    created.push(engine().makeTensorFromTensorInfo(info));
    return info;
  });

  const entries: GPUBindGroupEntry[] = [];
  for (const { dataId } of [...inputs, ...written]) {
    webgpu.uploadToGPU(dataId);
    webgpu.commandQueueOwnedIds.add(dataId);
    entries.push({ binding: entries.length, resource: { buffer: webgpu.tensorMap.get(dataId).resource! } });
  }
  // What was read back before is no longer the tensor's value.
  for (const output of outputs) if ('into' in output) webgpu.tensorMap.get(output.into.dataId).values = null;
  if (params.length > 0) {
    entries.push({
      binding: entries.length,
      resource: { buffer: uniformBuffer(device, program.params, params) },
    });
  }
  const pipeline = pipelineOf(device, program);
  const pass = currentPass(webgpu);
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(x, y, z);
  webgpu.dispatchCountInPass++;
  if (webgpu.dispatchCountInPass >= env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')) submitPending(webgpu);
  return created;
}

/** The workgroups of a run along one axis, spread over two where there are more than an axis may have. */
export function spread(count: number): [x: number, y: number] {
  const MAX = 65_535; // the least that every device has
  if (count <= MAX) return [Math.max(1, count), 1];
  const y = Math.ceil(count / MAX);
  return [Math.ceil(count / y), y];
}
