import { programs, runProgram, spread } from '@latte-flow/runtime';
import { type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import { workgroupSum } from '../kernel/workgroup-sum.ts';
import { sumRows } from '../reduction/index.ts';

/** Lanes that share a row. */
const LANES = 128;

/** One workgroup a row. */
const ROW_OF_WORKGROUP = /* wgsl */ `
  @compute @workgroup_size(${LANES})
  fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = group.x + group.y * groups.x;
    if (row >= params.rows) { return; }
    let start = row * params.width;`;

const forwardProgram = programs((subgroups: boolean) => ({
  name: 'rmsNorm',
  inputs: ['x: array<f32>', 'weight: array<f32>'],
  outputs: ['y: array<f32>'],
  params: ['rows: u32', 'width: u32', 'eps: f32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${workgroupSum(LANES, { subgroups })}
    ${ROW_OF_WORKGROUP}
      var squares = 0.0;
      for (var i = lane; i < params.width; i += ${LANES}u) { squares += x[start + i] * x[start + i]; }
      let scale = inverseSqrt(workgroup_sum(squares, lane) / f32(params.width) + params.eps);
      for (var i = lane; i < params.width; i += ${LANES}u) { y[start + i] = x[start + i] * scale * weight[i]; }
    }`,
}));

/** x [..., D], weight [D] -> [..., D]. */
export function rmsNormWebGPU(x: Tensor, weight: Tensor, { eps, subgroups }: { eps: number } & KernelFeatures): Tensor {
  const width = x.shape.at(-1)!;
  const rows = x.size / width;
  const [y] = runProgram(forwardProgram(subgroups), {
    inputs: [x, weight],
    outputs: [{ shape: x.shape }],
    params: [rows, width, eps],
    workgroups: spread(rows),
  });
  return y!;
}

const gradientProgram = programs((subgroups: boolean) => ({
  name: 'rmsNormGradient',
  inputs: ['dy: array<f32>', 'x: array<f32>', 'weight: array<f32>'],
  outputs: ['dx: array<f32>', 'dweight_rows: array<f32>'],
  params: ['rows: u32', 'width: u32', 'eps: f32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${workgroupSum(LANES, { subgroups, type: 'vec2f' })}
    ${ROW_OF_WORKGROUP}
      var sums = vec2f(); // of x^2 and of dy weight x
      for (var i = lane; i < params.width; i += ${LANES}u) {
        let value = x[start + i];
        sums += value * vec2f(value, dy[start + i] * weight[i]);
      }
      sums = workgroup_sum(sums, lane) / f32(params.width);
      let scale = inverseSqrt(sums.x + params.eps);
      for (var i = lane; i < params.width; i += ${LANES}u) {
        let normalised = x[start + i] * scale;
        dx[start + i] = scale * (dy[start + i] * weight[i] - normalised * (sums.y * scale));
        dweight_rows[start + i] = dy[start + i] * normalised;
      }
    }`,
}));

/** dy, x [..., D], weight [D] -> [dx, dweight], as `rmsNormGradient`. */
export function rmsNormGradientWebGPU(
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  { eps, subgroups }: { eps: number } & KernelFeatures,
): [Tensor, Tensor1D] {
  const width = x.shape.at(-1)!;
  const rows = x.size / width;
  const [dx, weightTerms] = runProgram(gradientProgram(subgroups), {
    inputs: [dy, x, weight],
    outputs: [{ shape: x.shape }, { shape: x.shape }],
    params: [rows, width, eps],
    workgroups: spread(rows),
  });
  return [dx!, sumRows(weightTerms!)];
}
