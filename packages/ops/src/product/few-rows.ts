import { programs } from '@latte-flow/runtime';

import { workgroupSum } from '../kernel/workgroup-sum.ts';

const LANES = 64;

/** More rows than this go to the tiled product. */
export const MAX_FEW_ROWS = 4;

/**
 * C = A B^T for a few rows of A, as in decoding: a workgroup makes one column of C, its lanes share the inner axis, so
 * that every weight is read once, by neighbouring lanes. A [M, K], B [N, K], K a multiple of 4.
 */
export const fewRowsProduct = programs((rows: number, bias: boolean, residual: boolean, subgroups: boolean) => ({
  name: 'fewRowsProduct',
  inputs: [
    'a: array<vec4f>',
    'b: array<vec4f>',
    ...(bias ? ['bias: array<f32>'] : []),
    ...(residual ? ['residual: array<f32>'] : []),
  ],
  outputs: ['c: array<f32>'],
  params: ['n: u32', 'k: u32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${workgroupSum(LANES, { subgroups, type: rows === 1 ? 'f32' : `vec${rows}f` })}
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let column = group.x + group.y * groups.x;
      if (column >= params.n) { return; }
      let vectors = params.k / 4u;
      var sums = ${rows === 1 ? 'f32' : `vec${rows}f`}();
      for (var i = lane; i < vectors; i += ${LANES}u) {
        let weights = b[column * vectors + i];
        ${Array.from({ length: rows }, (_, r) => `sums${rows === 1 ? '' : `[${r}]`} += dot(weights, a[${r}u * vectors + i]);`).join('\n')}
      }
      sums = workgroup_sum(sums, lane);
      if (lane < ${rows}u) {
        let at = lane * params.n + column;
        c[at] = sums${rows === 1 ? '' : '[lane]'} ${bias ? '+ bias[column]' : ''} ${residual ? '+ residual[at]' : ''};
      }
    }`,
}));
