import { programs } from '@latte-flow/runtime';

const LANES = 128;
export const ELEMENTS_PER_PIECE_GROUP = 4 * LANES;

/** Adds up the results of the pieces of an inner axis, [pieces, M N] -> [M N], in their order. M N is a multiple of 4. */
export const sumPieces = programs((bias: boolean, residual: boolean) => ({
  name: 'sumPieces',
  inputs: [
    'pieces: array<vec4f>',
    ...(bias ? ['bias: array<f32>'] : []),
    ...(residual ? ['residual: array<vec4f>'] : []),
  ],
  outputs: ['c: array<vec4f>'],
  params: ['count: u32', 'vectors: u32', 'n: u32'],
  body: /* wgsl */ `
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = (group.x + group.y * groups.x) * ${LANES}u + lane;
      if (at >= params.vectors) { return; }
      var sum = vec4f();
      for (var i = 0u; i < params.count; i++) { sum += pieces[i * params.vectors + at]; }
      ${bias ? 'for (var i = 0u; i < 4u; i++) { sum[i] += bias[(at * 4u + i) % params.n]; }' : ''}
      ${residual ? 'sum += residual[at];' : ''}
      c[at] = sum;
    }`,
}));
