import { packedReader, type PackedFormat } from '@latte-flow/runtime';

import { range } from '../kernel/unrolled.ts';
import type { OperandLayout } from './operand.ts';
import { ofSide } from './sides.ts';

/** How lanes that share a row of a weight read it: 16 bytes at a step, whatever its format. */
export interface WeightRows {
  /** Declarations of the bindings. */
  readonly inputs: readonly string[];
  readonly functions: string;
  /** WGSL of the number of steps of a row, of `vectors`, the row's quads. */
  readonly steps: string;
  /** WGSL of a step: `work` for each of its quads, with its values as `weights` and its place in the row as `place`. */
  eachQuad(work: string): string;
}

/** A block of 16 bytes of a row's codes, in quads, and their scale. */
interface Block {
  readonly quads: number;
  /** WGSL of the scale, of `column` and `at`, the block's place in the whole weight. */
  scale(suffix: string): string;
  /** WGSL of the bits of a quad, as `unpack_quad` takes them. */
  quad(i: number): string;
}

const blocks: Readonly<Record<PackedFormat, Block>> = {
  float16: { quads: 2, scale: () => '0u', quad: (i) => `block[${2 * i}], block[${2 * i + 1}]` },
  int8: { quads: 4, scale: (suffix) => `bitcast<u32>(scales${suffix}[column])`, quad: (i) => `block[${i}], scale` },
  int4: {
    quads: 8,
    scale: (suffix) => `bitcast<u32>(scales${suffix}[at])`,
    quad: (i) => `block[${i >> 1}] >> ${16 * (i & 1)}u, scale`,
  },
};

/** `count` weights of one layout, of which the program's `side` says the one at hand. */
export function weightRows(count: number, layout: OperandLayout): WeightRows {
  if (layout === 'vectors' || layout === 'scalars') {
    return {
      inputs: range(count).map((side) => `b${side}: array<vec4f>`),
      functions: `fn weights_at(at: u32) -> vec4f { ${ofSide(count, (side) => `return b${side}[at];`)} }`,
      steps: 'vectors',
      eachQuad: (work) => `let place = i; let weights = weights_at(column * vectors + i); ${work}`,
    };
  }
  const { quads, scale, quad } = blocks[layout];
  const { unpack } = packedReader(layout);
  const suffixOf = (side: number): string => `_b${side}`;
  const bindings = (side: number): string[] =>
    packedReader(layout, suffixOf(side)).inputs.map((declaration) =>
      declaration.startsWith('codes') ? `codes${suffixOf(side)}: array<vec4u>` : declaration,
    );
  return {
    inputs: range(count).flatMap(bindings),
    functions: /* wgsl */ `
      ${unpack}
      fn codes_at(at: u32) -> vec4u { ${ofSide(count, (side) => `return codes${suffixOf(side)}[at];`)} }
      fn scale_at(column: u32, at: u32) -> u32 { ${ofSide(count, (side) => `return ${scale(suffixOf(side))};`)} }`,
    steps: `(vectors + ${quads - 1}u) / ${quads}u`,
    eachQuad: (work) => /* wgsl */ `
      let at = column * steps + i;
      let block = codes_at(at);
      let scale = scale_at(column, at);
      ${range(quads)
        .map(
          (q) => /* wgsl */ `{
        let place = min(i * ${quads}u + ${q}u, vectors - 1u); // zeros meet the last vector again
        let weights = unpack_quad(vec2u(${quad(q)}));
        ${work}
      }`,
        )
        .join('\n')}`,
  };
}
