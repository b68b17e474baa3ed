import { programs, runProgram, spread } from '@latte-flow/runtime';
import { dispose, type Scalar, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import { workgroupSum } from '../kernel/workgroup-sum.ts';
import type { ClipOptions, GradientScale } from './index.ts';
import { CLIP_EPSILON } from './portable.ts';

const LANES = 256;
/** Elements that a workgroup sums. */
const CHUNK = 8192;

const MAIN = /* wgsl */ `
  @compute @workgroup_size(${LANES})
  fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {`;

const squaresProgram = programs((subgroups: boolean) => ({
  name: 'sumOfSquares',
  inputs: ['x: array<f32>'],
  outputs: ['sums: array<f32>'],
  params: ['length: u32', 'chunks: u32', 'first: u32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${workgroupSum(LANES, { subgroups })}
    ${MAIN}
      let chunk = group.x + group.y * groups.x;
      if (chunk >= params.chunks) { return; }
      var squares = 0.0;
      for (var i = chunk * ${CHUNK}u + lane; i < min(params.length, (chunk + 1u) * ${CHUNK}u); i += ${LANES}u) { squares += x[i] * x[i]; }
      let sum = workgroup_sum(squares, lane);
      if (lane == 0u) { sums[params.first + chunk] = sum; }
    }`,
}));

const scaleProgram = programs((subgroups: boolean, clips: boolean) => ({
  name: 'gradientScale',
  inputs: ['sums: array<f32>'],
  outputs: ['norm: array<f32>', 'factor: array<f32>'],
  params: ['count: u32', 'limit: f32', 'share: f32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${workgroupSum(LANES, { subgroups })}
    ${MAIN}
      var squares = 0.0;
      for (var i = lane; i < params.count; i += ${LANES}u) { squares += sums[i]; }
      let mean_norm = sqrt(workgroup_sum(squares, lane)) * params.share;
      if (lane != 0u) { return; }
      norm[0] = mean_norm;
      factor[0] = ${clips ? `min(1.0, params.limit / (mean_norm + ${CLIP_EPSILON})) * ` : ''}params.share;
    }`,
}));

/** Two stages: a partial sum a chunk of every vector, then all of them by one workgroup. */
export function gradientScaleWebGPU(
  vectors: readonly Tensor1D[],
  { limit, batches, subgroups }: Required<ClipOptions> & KernelFeatures,
): GradientScale {
  const chunksOf = ({ size }: Tensor1D): number => Math.ceil(size / CHUNK);
  const count = vectors.reduce((sum, vector) => sum + chunksOf(vector), 0);
  let sums: Tensor | undefined;
  let first = 0;
  for (const vector of vectors) {
    const chunks = chunksOf(vector);
    const [made] = runProgram(squaresProgram(subgroups), {
      inputs: [vector],
      outputs: [sums === undefined ? { shape: [count] } : { into: sums }],
      params: [vector.size, chunks, first],
      workgroups: spread(chunks),
    });
    sums ??= made!;
    first += chunks;
  }
  const clips = limit !== Infinity;
  const [norm, factor] = runProgram(scaleProgram(subgroups, clips), {
    inputs: [sums!],
    outputs: [{ shape: [] }, { shape: [] }],
    params: [count, clips ? limit : 0, 1 / batches],
    workgroups: [1],
  }) as [Scalar, Scalar];
  dispose(sums!);
  return { norm, factor };
}
