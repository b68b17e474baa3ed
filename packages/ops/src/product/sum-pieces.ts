import { programs } from '@latte-flow/runtime';

import { sidesWgsl, type SidesWgsl } from './sides.ts';

const LANES = 128;

/** Elements of the results that a workgroup adds up. */
export const SUMMED_PER_WORKGROUP = 4 * LANES;

/** WGSL: where a lane's vector lies in its side's result, and where that side's pieces begin. */
function placeOf(count: number, sides: SidesWgsl): string {
  if (count === 1) return 'let at = place; let first = 0u;';
  // The results lie one after another as their columns do in the tiles: a side begins at M times its first column.
  return /* wgsl */ `
    let first_column = place * 4u / params.m;
    var column = first_column;
    ${sides.choose('column', 1)}
    let at = place - (first_column - column) * params.m / 4u;
    let first = base / 4u;`;
}

/**
 * Adds up the results of the pieces of an inner axis, in their order: of each side [pieces, M, N] -> [M, N]. M N is a
 * multiple of 4, with several sides every N is.
 */
export const sumPieces = programs((count: number, bias: boolean, residual: boolean) => {
  const isOneResult = count === 1;
  // A vector may reach over the end of a row: biases are read one by one.
  const biases = sidesWgsl({ count, isOneResult, bias, residual: false }, 'f32');
  const results = sidesWgsl({ count, isOneResult, bias: false, residual }, 'vec4f');
  const { width, params } = results;
  return {
    name: 'sumPieces',
    inputs: ['sums: array<vec4f>', ...biases.inputs, ...results.inputs],
    outputs: results.outputs,
    params: ['m: u32', 'vectors: u32', ...(count === 1 ? ['pieces: u32'] : []), ...params],
    body: /* wgsl */ `
      ${biases.declarations}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
        let place = (group.x + group.y * groups.x) * ${LANES}u + lane;
        if (place >= params.vectors) { return; }
        ${placeOf(count, results)}
        let step = params.m * ${width} / 4u;
        var sum = vec4f();
        for (var i = 0u; i < params.pieces; i++) { sum += sums[first + i * step + at]; }
        ${bias ? `for (var i = 0u; i < 4u; i++) { sum[i] += bias_at((at * 4u + i) % ${width}); }` : ''}
        ${results.write('sum', { at: 'at', column: '' })}
      }`,
  };
});
