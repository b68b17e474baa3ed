import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

const LANES = 256;

/** y[index] = factor * `value`; one invocation an element. */
const program = programs((name: 'sumChannels' | 'repeatChannels', group: number) => ({
  name,
  inputs: ['x: array<f32>'],
  outputs: ['y: array<f32>'],
  params: ['size: u32', 'factor: f32'],
  body: /* wgsl */ `
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let index = (workgroup.x + workgroup.y * workgroups.x) * ${LANES}u + lane;
      if (index >= params.size) { return; }
      ${
        name === 'repeatChannels'
          ? `let value = x[index / ${group}u];`
          : `var value = 0.0; for (var i = 0u; i < ${group}u; i++) { value += x[index * ${group}u + i]; }`
      }
      y[index] = params.factor * value;
    }`,
}));

/** [..., C g] -> [..., C]: sums of groups of consecutive channels, times `factor`. */
export function sumWebGPU(x: Tensor, group: number, factor: number): Tensor {
  const size = x.size / group;
  const [y] = runProgram(program('sumChannels', group), {
    inputs: [x],
    outputs: [{ shape: [...x.shape.slice(0, -1), x.shape.at(-1)! / group] }],
    params: [size, factor],
    workgroups: spread(Math.ceil(size / LANES)),
  });
  return y!;
}

/** [..., C] -> [..., C g]: each channel `group` times side by side, times `factor`. */
export function repeatWebGPU(x: Tensor, group: number, factor: number): Tensor {
  const size = x.size * group;
  const [y] = runProgram(program('repeatChannels', group), {
    inputs: [x],
    outputs: [{ shape: [...x.shape.slice(0, -1), x.shape.at(-1)! * group] }],
    params: [size, factor],
    workgroups: spread(Math.ceil(size / LANES)),
  });
  return y!;
}
