import { elementCount, type Shape } from '@latte-flow/core';
import { programs, runProgram } from '@latte-flow/runtime';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';

import { packOf, valueOf, type Pack } from './value.ts';

const LANES = 256;
/** From here on a workgroup takes several blocks of `LANES` values. */
const MAX_WORKGROUPS = 2048;

/** y = f(x ...) at each element. The names are those of the expressions, which are WGSL on `Value`s, or f32 of scalars. */
export interface ElementwiseDefinition {
  readonly name: string;
  /** Tensors of the shape of the outputs. */
  readonly inputs: readonly string[];
  /** `[B, D]` where the outputs are `[B, N, D]`: the same for all of a member's N. */
  readonly channels?: readonly string[];
  /** Tensors of one number. */
  readonly scalars?: readonly string[];
  /** f32 parameters. */
  readonly params?: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  /** WGSL: functions that the expressions call. */
  readonly functions?: string;
}

export interface ElementwiseRun {
  /** Inputs, channels, scalars, in the definition's order. Borrowed. */
  readonly tensors: readonly TensorInfo[];
  readonly params?: readonly number[];
  /** Of every output; `[B, N, D]` where there are channels. */
  readonly shape: Shape;
}

/** An elementwise kernel: one dispatch for any size. Its run returns the outputs, which the caller owns. */
export function elementwise(definition: ElementwiseDefinition): (run: ElementwiseRun) => Tensor[] {
  const { name, inputs, channels = [], scalars = [], params = [], outputs, functions = '' } = definition;
  const program = programs((pack: Pack) => ({
    name,
    inputs: [
      ...[...inputs, ...channels].map((input) => `${input}: array<Value>`),
      ...scalars.map((scalar) => `${scalar}: array<f32>`),
    ],
    outputs: Object.keys(outputs).map((output) => `${output}: array<Value>`),
    params: ['count: u32', 'width: u32', 'member: u32', ...params.map((param) => `${param}: f32`)],
    body: /* wgsl */ `
      ${valueOf(pack)}
      ${functions}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
        ${scalars.map((scalar) => `let ${scalar} = ${scalar}[0];`).join('\n')}
        for (var i = id.x; i < params.count; i += groups.x * ${LANES}u) {
          ${inputs.map((input) => `let ${input} = ${input}[i];`).join('\n')}
          ${channels.length > 0 ? 'let channel = i / params.member * params.width + i % params.width;' : ''}
          ${channels.map((input) => `let ${input} = ${input}[channel];`).join('\n')}
          ${Object.entries(outputs)
            .map(([output, expression]) => `${output}[i] = ${expression};`)
            .join('\n')}
        }
      }`,
  }));
  return ({ tensors, params = [], shape }) => {
    const size = elementCount(shape);
    const width = shape.at(-1) ?? 1;
    const pack = packOf(channels.length > 0 ? width : size);
    const count = size / pack;
    return runProgram(program(pack), {
      inputs: tensors,
      outputs: Object.keys(outputs).map(() => ({ shape })),
      params: [count, width / pack, ((shape.at(-2) ?? 1) * width) / pack, ...params],
      workgroups: [Math.min(MAX_WORKGROUPS, Math.ceil(count / LANES))],
    });
  };
}
