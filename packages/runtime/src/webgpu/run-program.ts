import { elementCount, formatShape, LatteFlowError, refuseArgument, type Shape } from '@latte-flow/core';
import { engine, env, type DataType, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

import { currentPass, requireWebGPU, submitPending, type WebGPUBackend } from './backend.ts';
import { largestTensor } from './buffer-limits.ts';
import { requireDevice } from './device-loss.ts';
import { markWritten } from './in-place.ts';
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

/** A tensor as WebGPU holds it: 4 bytes an element. */
function requireBindable(device: GPUDevice, program: Program, shape: Shape): void {
  const bytes = 4 * elementCount(shape);
  const limit = largestTensor(device);
  if (bytes > 0 && bytes <= limit) return;
  throw new LatteFlowError(bytes === 0 ? 'shape-mismatch' : 'device-limit', {
    where: program.name,
    expected:
      bytes === 0 ? 'tensors that are not empty' : `tensors of at most ${limit} bytes, the limit of this device`,
    got: `one of shape ${formatShape(shape)}, ${bytes} bytes`,
    remedy: bytes === 0 ? 'Leave the op out.' : 'Use a smaller batch or image, or another device.',
    data: { shape, bytes, limit },
  });
}

function requireDispatchable({ limits }: GPUDevice, program: Program, workgroups: readonly number[]): void {
  const limit = limits.maxComputeWorkgroupsPerDimension;
  if (workgroups.every((count) => count <= limit)) return;
  throw new LatteFlowError('device-limit', {
    where: program.name,
    expected: `at most ${limit} workgroups along each axis, the limit of this device`,
    got: formatShape(workgroups),
    remedy: 'Use a smaller batch or image, or another device.',
    data: { workgroups, limit },
  });
}

/** WebGPU would report any of these later, and drop the commands. */
function requireBindings(program: Program, { inputs, outputs, params = [] }: Run): void {
  const { name } = program;
  const bound = [inputs.length, outputs.length, params.length];
  const declared = [program.inputs.length, program.outputs.length, program.params.length];
  if (bound.some((count, i) => count !== declared[i])) {
    refuseArgument({
      where: name,
      expected: `${declared[0]} inputs, ${declared[1]} outputs and ${declared[2]} parameters, as declared`,
      got: `${bound[0]}, ${bound[1]} and ${bound[2]}`,
      remedy: 'Pass one for each declaration, in their order.',
    });
  }
  const places = outputs.flatMap((output) => ('into' in output ? [output.into.dataId] : []));
  const isShared = places.some((dataId, i) => places.indexOf(dataId) !== i);
  if (!isShared && inputs.every(({ dataId }) => !places.includes(dataId))) return;
  refuseArgument({
    where: name,
    expected: 'each tensor that is written to be bound once',
    got: 'one that is bound twice',
    remedy: 'Write into another tensor, or read the output that is written.',
  });
}

const toFloat: Program = {
  name: 'toFloat',
  inputs: ['x: array<i32>'],
  outputs: ['y: array<f32>'],
  params: ['size: u32', 'stride: u32'],
  body: /* wgsl */ `
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let i = id.x + id.y * params.stride;
      if (i < params.size) { y[i] = f32(x[i]); }
    }`,
};

/**
 * A tensor whose buffer holds what its dtype says: TensorFlow.js' cast of integers to float32 shares their buffer. A copy
 * is the caller's.
 */
export function asDeclared(webgpu: WebGPUBackend, info: TensorInfo): TensorInfo {
  const stored = webgpu.tensorMap.get(info.dataId).dtype;
  if (info.dtype !== 'float32' || stored === 'float32') return info;
  const size = elementCount(info.shape);
  const [x, y] = spread(Math.ceil(size / 64));
  const [copy] = runProgram(toFloat, {
    inputs: [{ ...info, dtype: stored }],
    outputs: [{ shape: info.shape }],
    params: [size, x * 64],
    workgroups: [x, y],
  });
  return copy!;
}

/**
 * Encodes one dispatch of a program after everything that was asked of the backend before. Checks sizes against the
 * device's limits first.
 *
 * @returns the tensors of `outputs` in order: new ones, which the caller owns (and a surrounding `tidy` tracks); for
 * destinations nothing
 * @throws LatteFlowError `backend-unavailable` on another backend, `device-limit`, `device-lost`, `shape-mismatch` (empty
 * tensors), `invalid-argument` (other numbers of tensors or parameters than declared, a destination that is also read)
 */
export function runProgram(program: Program, run: Run): Tensor[] {
  const { inputs, outputs, params = [], workgroups } = run;
  const webgpu = requireWebGPU(program.name);
  const { device } = webgpu;
  const [x, y = 1, z = 1] = workgroups;
  requireDevice(program.name, device);
  requireDispatchable(device, program, [x, y, z]);
  requireBindings(program, run);
  for (const { shape } of inputs) requireBindable(device, program, shape);
  for (const output of outputs) requireBindable(device, program, 'into' in output ? output.into.shape : output.shape);

  const created: Tensor[] = [];
  const written = outputs.map((output): TensorInfo => {
    if ('into' in output) return output.into;
    const { shape, dtype = 'float32' } = output;
    const info = webgpu.makeTensorInfo([...shape], dtype);
    created.push(engine().makeTensorFromTensorInfo(info));
    return info;
  });
  const read = inputs.map((input) => asDeclared(webgpu, input));

  const entries: GPUBindGroupEntry[] = [];
  for (const { dataId } of [...read, ...written]) {
    webgpu.uploadToGPU(dataId);
    webgpu.commandQueueOwnedIds.add(dataId);
    entries.push({ binding: entries.length, resource: { buffer: webgpu.tensorMap.get(dataId).resource! } });
  }
  for (const output of outputs) if ('into' in output) markWritten(webgpu, output.into.dataId);
  if (params.length > 0) {
    entries.push({ binding: entries.length, resource: { buffer: uniformBuffer(device, program.params, params) } });
  }
  const pipeline = pipelineOf(device, program);
  const pass = currentPass(webgpu);
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(x, y, z);
  for (const [i, copy] of read.entries()) if (copy !== inputs[i]) (copy as Tensor).dispose();
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
