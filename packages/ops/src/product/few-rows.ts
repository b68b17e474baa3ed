import { programs } from '@latte-flow/runtime';

import { workgroupSum } from '../kernel/workgroup-sum.ts';
import { sidesWgsl } from './sides.ts';
import { weightRows } from './weight-rows.ts';
import type { OperandLayout } from './operand.ts';

const LANES = 64;

/** More rows than this go to the tiled product. */
export const MAX_FEW_ROWS = 4;

/**
 * C = A B^T for a few rows of A, as in decoding: a workgroup makes one column of C, its lanes share the inner axis, so
 * that every weight is read once, 16 bytes at a time, by neighbouring lanes. A [M, K], B [N, K], K a multiple of 4.
 */
export const fewRowsProduct = programs(
  (layout: OperandLayout, rows: number, count: number, bias: boolean, residual: boolean, subgroups: boolean) => {
    const sides = sidesWgsl({ count, isOneResult: count === 1, bias, residual }, 'f32');
    const { inputs, functions, steps, eachQuad } = weightRows(count, layout);
    const type = rows === 1 ? 'f32' : `vec${rows}f`;
    const sumOf = (row: number): string => (rows === 1 ? 'sums' : `sums[${row}]`);
    const add = Array.from(
      { length: rows },
      (_, row) => `${sumOf(row)} += dot(weights, a[${row}u * vectors + place]);`,
    );
    return {
      name: 'fewRowsProduct',
      inputs: ['a: array<vec4f>', ...inputs, ...sides.inputs],
      outputs: sides.outputs,
      params: ['m: u32', 'k: u32', 'columns: u32', ...sides.params],
      directives: subgroups ? 'enable subgroups;' : '',
      body: /* wgsl */ `
        ${sides.declarations}
        ${functions}
        ${workgroupSum(LANES, { subgroups, type })}
        @compute @workgroup_size(${LANES})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
          var column = group.x + group.y * groups.x;
          if (column >= params.columns) { return; }
          ${sides.choose('column', 1)}
          let vectors = params.k / 4u;
          let steps = ${steps};
          var sums = ${type}();
          for (var i = lane; i < steps; i += ${LANES}u) {
            ${eachQuad(add.join(' '))}
          }
          sums = workgroup_sum(sums, lane);
          if (lane < ${rows}u) {
            let at = lane * ${sides.width} + column;
            let value = sums${rows === 1 ? '' : '[lane]'};
            ${sides.write('value', { at: 'at', column: 'column' })}
          }
        }`,
    };
  },
);
