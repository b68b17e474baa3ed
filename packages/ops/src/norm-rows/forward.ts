import { elementCount } from '@latte-flow/core';
import { programs, runProgram } from '@latte-flow/runtime';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import { valueOf, type Pack } from '../kernel/value.ts';
import { LANES, rowLayout, rowSum } from './layout.ts';

/** From here on a workgroup takes several turns. */
const MAX_WORKGROUPS = 16_384;

/**
 * What becomes of a normalised row `n`, WGSL on `Value`s. `at` is the element's place, `column` its place in the row,
 * `channel` that of its batch member's channel.
 */
const FINISHES = {
  rms: { inputs: ['weight'], y: 'n * weight[column]' },
  layer: { inputs: ['weight', 'bias'], y: 'n * weight[column] + bias[column]' },
  modulatedRms: {
    inputs: ['weight', 'scale', 'shift'],
    y: 'n * weight[column] * (1.0 + scale[channel]) + shift[channel]',
  },
  gatedRms: {
    inputs: ['weight', 'scale', 'residual'],
    y: 'residual[at] + scale[channel] * (n * weight[column])',
  },
} as const;

export type NormForm = keyof typeof FINISHES;

/** Rows whose mean is taken off before they are scaled. */
export const isCentred = (form: NormForm): boolean => form === 'layer';

/** WGSL: the values of a row in `values`, zeros beyond its end. */
const readRow = (chunks: number, lanes: number): string => /* wgsl */ `
  var values: array<Value, ${chunks}>;
  for (var c = 0u; c < ${chunks}u; c++) {
    let column = c * ${lanes}u + lane;
    if (inside && column < params.units) { values[c] = x[start + column]; }
  }`;

const program = programs((form: NormForm, pack: Pack, lanes: number, chunks: number, subgroups: boolean) => {
  const slots = LANES / lanes;
  const { inputs, y } = FINISHES[form];
  const sum = (term: string): string => /* wgsl */ `
    sum = 0.0;
    for (var c = 0u; c < ${chunks}u; c++) { sum += total(${term}); }
    sum = row_sum(sum, index) / params.width;`;
  const centre = /* wgsl */ `
    ${sum('values[c]')}
    for (var c = 0u; c < ${chunks}u; c++) {
      if (c * ${lanes}u + lane < params.units) { values[c] -= sum; }
    }`;
  return {
    name: `${form} norm`,
    inputs: ['x', ...inputs].map((input) => `${input}: array<Value>`),
    outputs: ['y: array<Value>'],
    params: ['rows: u32', 'units: u32', 'member_rows: u32', 'width: f32', 'eps: f32'],
    directives: subgroups ? 'enable subgroups;' : '',
    body: /* wgsl */ `
      ${valueOf(pack)}
      ${rowSum(lanes, { subgroups, type: 'f32' })}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) index: u32) {
        let lane = index % ${lanes}u;
        for (var first = group.x * ${slots}u; first < params.rows; first += groups.x * ${slots}u) {
          let row = first + index / ${lanes}u;
          let inside = row < params.rows;
          let start = row * params.units;
          ${readRow(chunks, lanes)}
          var sum: f32;
          ${isCentred(form) ? centre : ''}
          ${sum('values[c] * values[c]')}
          let scaling = inverseSqrt(sum + params.eps);
          for (var c = 0u; c < ${chunks}u; c++) {
            let column = c * ${lanes}u + lane;
            if (inside && column < params.units) {
              let at = start + column;
              let channel = row / params.member_rows * params.units + column;
              let n = values[c] * scaling;
              y[at] = ${y};
            }
          }
        }
      }`,
  };
});

/**
 * Normalises rows over the last axis in one dispatch.
 *
 * @param tensors x `[B, N, D]` or, where the form has no channels, `[..., D]`; then the form's inputs: weight and bias `[D]`,
 * scale and shift `[B, D]`, the residual as x
 * @returns as x, owned by the caller
 */
export function normForward(
  form: NormForm,
  tensors: readonly TensorInfo[],
  { eps, subgroups }: Pick<KernelFeatures, 'subgroups'> & { eps: number },
): Tensor {
  const { shape } = tensors[0]!;
  const width = shape.at(-1)!;
  const rows = elementCount(shape) / width;
  const { pack, lanes, slots, chunks } = rowLayout(width);
  const [y] = runProgram(program(form, pack, lanes, chunks, subgroups), {
    inputs: tensors,
    outputs: [{ shape }],
    params: [rows, width / pack, shape.at(-2) ?? 1, width, eps],
    workgroups: [Math.min(MAX_WORKGROUPS, Math.ceil(rows / slots))],
  });
  return y!;
}
