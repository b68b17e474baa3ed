import { programs, runProgram, spread } from '@latte-flow/runtime';
import { tensor1d, type Rank, type Scalar, type Tensor1D, type Variable } from '@tensorflow/tfjs-core';

import type { AdamWState, AdamWUpdate, UpdateNumbers } from './index.ts';

const LANES = 256;
/** Elements that a workgroup updates. */
const CHUNK = 1024;

/** `statements` for each element `i` of vectors of `params.length`. */
function elementwise(statements: string): string {
  return /* wgsl */ `
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = (group.x + group.y * groups.x) * ${CHUNK}u;
      for (var i = first + lane; i < min(params.length, first + ${CHUNK}u); i += ${LANES}u) {
        ${statements}
      }
    }`;
}

/** `numbers`: step size, epsilon, 1 - decay, rate of the average. They change at every step, so they are no parameters. */
const adamWProgram = programs((isMasked: boolean, averages: boolean) => ({
  name: 'adamW',
  inputs: [
    'gradient: array<f32>',
    'factor: array<f32>',
    'numbers: array<f32>',
    ...(isMasked ? ['decay_mask: array<f32>'] : []),
  ],
  outputs: [
    'weights: array<f32>',
    'first_moment: array<f32>',
    'second_moment: array<f32>',
    ...(averages ? ['average: array<f32>'] : []),
  ],
  params: ['length: u32', 'beta1: f32', 'beta2: f32', 'rest1: f32', 'rest2: f32'],
  body: elementwise(/* wgsl */ `
        let g = gradient[i] * factor[0];
        let m = params.beta1 * first_moment[i] + params.rest1 * g;
        let v = params.beta2 * second_moment[i] + params.rest2 * (g * g);
        first_moment[i] = m;
        second_moment[i] = v;
        let kept = ${isMasked ? 'select(1.0, numbers[2], decay_mask[i] != 0.0)' : 'numbers[2]'};
        let w = weights[i] * kept - numbers[0] * (m / (sqrt(v) + numbers[1]));
        weights[i] = w;
        ${averages ? 'average[i] += numbers[3] * (w - average[i]);' : ''}`),
}));

const chunksOf = ({ size }: Tensor1D): [number, number] => spread(Math.ceil(size / CHUNK));

export function adamWWebGPU(
  { weights, firstMoment, secondMoment, average }: AdamWState,
  gradient: Tensor1D,
  { stepSize, epsilon, decay, decayMask, betas: [beta1, beta2], factor, averageRate = 0 }: AdamWUpdate & UpdateNumbers,
): void {
  const numbers = tensor1d([stepSize, epsilon, 1 - decay, averageRate]);
  runProgram(adamWProgram(decayMask !== undefined, average !== undefined), {
    inputs: [gradient, factor, numbers, ...(decayMask === undefined ? [] : [decayMask])],
    outputs: [weights, firstMoment, secondMoment, ...(average === undefined ? [] : [average])].map((into) => ({
      into,
    })),
    params: [weights.size, beta1, beta2, 1 - beta1, 1 - beta2],
    workgroups: chunksOf(gradient),
  });
  numbers.dispose();
}

const averageProgram = programs(() => ({
  name: 'movingAverage',
  inputs: ['values: array<f32>', 'rate: array<f32>'],
  outputs: ['average: array<f32>'],
  params: ['length: u32'],
  body: elementwise('average[i] += rate[0] * (values[i] - average[i]);'),
}));

export function movingAverageWebGPU(average: Variable<Rank.R1>, values: Tensor1D, rate: Scalar): void {
  runProgram(averageProgram(), {
    inputs: [values, rate],
    outputs: [{ into: average }],
    params: [average.size],
    workgroups: chunksOf(values),
  });
}
