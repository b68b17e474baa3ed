import { programs } from '@latte-flow/runtime';

import {
  chooseSide,
  sidesDeclarations,
  sidesInputs,
  sidesOutputs,
  sidesParams,
  widthOf,
  writeResult,
  type Sides,
} from './sides.ts';

const LANES = 128;

/** Elements of the results that a workgroup adds up. */
export const SUMMED_PER_WORKGROUP = 4 * LANES;

/** WGSL: where a lane's vector lies in its side's result, and where that side's pieces begin. */
function placeOf(count: number): string {
  if (count === 1) return 'let at = place; let first = 0u;';
  // The results lie one after another as their columns do in the tiles: a side begins at M times its first column.
  return /* wgsl */ `
    let first_column = place * 4u / params.m;
    var column = first_column;
    ${chooseSide(count, 'column', 1)}
    let at = place - (first_column - column) * params.m / 4u;
    let first = base / 4u;`;
}

/**
 * Adds up the results of the pieces of an inner axis, in their order: of each side [pieces, M, N] -> [M, N]. M N is a
 * multiple of 4, with several sides every N is.
 */
export const sumPieces = programs((count: number, bias: boolean, residual: boolean) => {
  const sides: Sides = { count, isOneResult: count === 1, bias, residual };
  const width = widthOf(count);
  const column = `(at * 4u + i) % ${width}`;
  return {
    name: 'sumPieces',
    inputs: [
      'sums: array<vec4f>',
      ...sidesInputs({ ...sides, residual: false }, 'array<f32>'),
      ...(residual ? ['residual: array<vec4f>'] : []),
    ],
    outputs: sidesOutputs(sides, 'array<vec4f>'),
    params: ['m: u32', 'vectors: u32', ...(count === 1 ? ['pieces: u32'] : []), ...sidesParams(count)],
    body: /* wgsl */ `
      ${sidesDeclarations(sides, 'f32')}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
        let place = (group.x + group.y * groups.x) * ${LANES}u + lane;
        if (place >= params.vectors) { return; }
        ${placeOf(count)}
        let step = params.m * ${width} / 4u;
        var sum = vec4f();
        for (var i = 0u; i < params.pieces; i++) { sum += sums[first + i * step + at]; }
        ${bias ? `for (var i = 0u; i < 4u; i++) { sum[i] += ${count === 1 ? `bias[${column}]` : `bias_at(${column})`}; }` : ''}
        ${writeResult({ ...sides, bias: false }, { at: 'at', column: '', value: 'sum', vector: true })}
      }`,
  };
});
