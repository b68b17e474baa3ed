import { packedReader, programs, type PackedFormat } from '@latte-flow/runtime';

import { workgroupSum } from '../kernel/workgroup-sum.ts';

const LANES = 64;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What a lane reads at once: a block of 16 bytes of a row's codes, in quads, and their scale. */
interface Block {
  readonly quads: number;
  /** WGSL of the scale, of `column` and `at`, the block's place in the whole weight. */
  readonly scale: string;
  /** WGSL of the bits of a quad, as `unpack_quad` takes them. */
  quad(i: number): string;
}

const blocks: Readonly<Record<PackedFormat, Block>> = {
  float16: { quads: 2, scale: '0u', quad: (i) => `block[${2 * i}], block[${2 * i + 1}]` },
  int8: { quads: 4, scale: 'bitcast<u32>(scales[column])', quad: (i) => `block[${i}], scale` },
  int4: { quads: 8, scale: 'bitcast<u32>(scales[at])', quad: (i) => `block[${i >> 1}] >> ${16 * (i & 1)}u, scale` },
};

/** As `fewRowsProduct`, B packed. */
export const fewRowsPackedProduct = programs(
  (format: PackedFormat, rows: number, bias: boolean, residual: boolean, subgroups: boolean) => {
    const { unpack, inputs } = packedReader(format);
    const { quads, scale, quad } = blocks[format];
    const type = rows === 1 ? 'f32' : `vec${rows}f`;
    const sumOf = (row: number): string => (rows === 1 ? 'sums' : `sums[${row}]`);
    return {
      name: 'fewRowsPackedProduct',
      inputs: [
        'a: array<vec4f>',
        'codes: array<vec4u>',
        ...inputs.slice(1),
        ...(bias ? ['bias: array<f32>'] : []),
        ...(residual ? ['residual: array<f32>'] : []),
      ],
      outputs: ['c: array<f32>'],
      params: ['n: u32', 'k: u32'],
      directives: subgroups ? 'enable subgroups;' : '',
      body: /* wgsl */ `
        ${unpack}
        ${workgroupSum(LANES, { subgroups, type })}
        @compute @workgroup_size(${LANES})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
          let column = group.x + group.y * groups.x;
          if (column >= params.n) { return; }
          let vectors = params.k / 4u;
          let blocks = (vectors + ${quads - 1}u) / ${quads}u;
          var sums = ${type}();
          for (var i = lane; i < blocks; i += ${LANES}u) {
            let at = column * blocks + i;
            let block = codes[at];
            let scale = ${scale};
            ${range(quads)
              .map(
                (q) => `{
              let place = min(i * ${quads}u + ${q}u, vectors - 1u); // zeros meet the last vector again
              let weights = unpack_quad(vec2u(${quad(q)}));
              ${range(rows)
                .map((row) => `${sumOf(row)} += dot(weights, a[${row}u * vectors + place]);`)
                .join(' ')}
            }`,
              )
              .join('')}
          }
          sums = workgroup_sum(sums, lane);
          if (lane < ${rows}u) {
            let at = lane * params.n + column;
            c[at] = sums${rows === 1 ? '' : '[lane]'} ${bias ? '+ bias[column]' : ''} ${residual ? '+ residual[at]' : ''};
          }
        }`,
    };
  },
);
