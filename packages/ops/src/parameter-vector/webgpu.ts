import { programs, runProgram, spread, webgpuDevice } from '@latte-flow/runtime';
import { backend, dispose, type Tensor, type Tensor1D, type Variable } from '@tensorflow/tfjs-core';

/** Elements that a workgroup copies. */
const CHUNK = 1024;
const LANES = 256;
/** Bindings of one dispatch: as many as the device has, within reason. */
const MAX_BUFFERS = 32;

/**
 * Each workgroup finds its part among `count` by the chunks of those before it. `copy(part)` is the statement that copies
 * element `i` of it; `at` is the vector's index.
 */
function copyParts(count: number, copy: (part: number) => string, rest = ''): string {
  const parts = Array.from({ length: count }, (_, part) => part);
  const oneOf = (part: number) => /* wgsl */ `
      let chunks_${part} = (params.size_${part} + ${CHUNK - 1}u) / ${CHUNK}u;
      if (chunk < chunks_${part}) {
        for (var i = chunk * ${CHUNK}u + lane; i < min(params.size_${part}, (chunk + 1u) * ${CHUNK}u); i += ${LANES}u) {
          let at = start + i;
          ${copy(part)}
        }
        return;
      }
      chunk -= chunks_${part};
      start += params.size_${part};`;
  return /* wgsl */ `
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      var chunk = group.x + group.y * groups.x;
      var start = params.start;
      ${parts.map(oneOf).join('')}
      ${rest}
    }`;
}

const list = (count: number, item: (part: number) => string): string[] =>
  Array.from({ length: count }, (_, part) => item(part));

const joinProgram = programs((count: number) => ({
  name: 'joinVector',
  inputs: list(count, (part) => `part_${part}: array<f32>`),
  outputs: ['vector: array<f32>'],
  params: ['start: u32', 'end: u32', ...list(count, (part) => `size_${part}: u32`)],
  body: copyParts(
    count,
    (part) => `vector[at] = part_${part}[i];`,
    `for (var at = start + chunk * ${CHUNK}u + lane; at < min(params.end, start + (chunk + 1u) * ${CHUNK}u); at += ${LANES}u) { vector[at] = 0.0; }`,
  ),
}));

const splitProgram = programs((count: number) => ({
  name: 'splitVector',
  inputs: ['vector: array<f32>'],
  outputs: list(count, (part) => `part_${part}: array<f32>`),
  params: ['start: u32', ...list(count, (part) => `size_${part}: u32`)],
  body: copyParts(count, (part) => `part_${part}[i] = vector[at];`),
}));

const chunksOf = (size: number): number => Math.ceil(size / CHUNK);

interface Share<T extends Tensor> {
  readonly parts: readonly T[];
  readonly sizes: readonly number[];
  readonly start: number;
  /** Where the next share starts. */
  readonly end: number;
  readonly chunks: number;
}

/** The parts that fit in each dispatch. One binding is the vector's. */
function* shares<T extends Tensor>(parts: readonly T[], buffers: number): Generator<Share<T>> {
  let start = 0;
  for (let first = 0; first < parts.length; first += buffers - 1) {
    const share = parts.slice(first, first + buffers - 1);
    const sizes = share.map(({ size }) => size);
    const end = sizes.reduce((sum, size) => sum + size, start);
    yield { parts: share, sizes, start, end, chunks: sizes.reduce((sum, size) => sum + chunksOf(size), 0) };
    start = end;
  }
}

function buffersOfDevice(): number {
  return Math.min(MAX_BUFFERS, webgpuDevice()!.limits.maxStorageBuffersPerShaderStage);
}

/** Tensors of any shapes -> [length], zeros after the last. `buffers`: bindings a dispatch. */
export function joinVectorWebGPU(parts: readonly Tensor[], length: number, buffers = buffersOfDevice()): Tensor1D {
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  let vector: Tensor | undefined;
  for (const { parts: inputs, sizes, start, end, chunks } of shares(parts, buffers)) {
    const filled = end === total ? length : end;
    const [made] = runProgram(joinProgram(inputs.length), {
      inputs,
      outputs: [vector === undefined ? { shape: [length] } : { into: vector }],
      params: [start, filled, ...sizes],
      workgroups: spread(chunks + chunksOf(filled - end)),
    });
    vector ??= made;
  }
  return vector as Tensor1D;
}

/** [length] -> the variables, one after another. `buffers`: bindings a dispatch. */
export function splitVectorWebGPU(vector: Tensor1D, variables: readonly Variable[], buffers = buffersOfDevice()): void {
  for (const { parts, sizes, start, chunks } of shares(variables, buffers)) {
    const isShared = parts.map(({ dataId }) => backend().refCount(dataId) > 1);
    const made = runProgram(splitProgram(parts.length), {
      inputs: [vector],
      outputs: parts.map((variable, i) => (isShared[i] ? { shape: variable.shape } : { into: variable })),
      params: [start, ...sizes],
      workgroups: spread(chunks),
    });
    parts.filter((_, i) => isShared[i]).forEach((variable, i) => variable.assign(made[i]!));
    dispose(made);
  }
}
