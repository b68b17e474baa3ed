import type { PackedFormat } from './packed-weight.ts';

/** How a program reads a packed weight. */
export interface PackedReader {
  /** Declarations of its bindings, in the order of `packedParts`. */
  readonly inputs: readonly string[];
  /**
   * WGSL: `weight_at4(row, quad) -> vec4f` are the values of columns 4 quad to 4 quad + 3, 0 beyond the last one. Reads
   * `params.weight_words: u32`, the words of a row.
   */
  readonly body: string;
}

const CODES = 'codes: array<u32>';
const SCALES = 'scales: array<f32>';

/** A subnormal half is a normal float32, and `unpack2x16float` may make it 0: those are built from their bits. */
const FLOAT16 = /* wgsl */ `
  fn unpack_halves(word: u32) -> vec2f {
    let halves = vec2u(word, word >> 16u);
    let fractions = vec2f(halves & vec2u(0x3ffu)) * 0x1p-24f;
    let subnormals = select(fractions, -fractions, (halves & vec2u(0x8000u)) != vec2u());
    return select(unpack2x16float(word), subnormals, (halves & vec2u(0x7c00u)) == vec2u());
  }
  fn weight_at4(row: u32, quad: u32) -> vec4f {
    let at = row * params.weight_words + 2u * quad;
    return vec4f(unpack_halves(codes[at]), unpack_halves(codes[at + 1u]));
  }`;

const INT8 = /* wgsl */ `
  fn weight_at4(row: u32, quad: u32) -> vec4f {
    let bytes = vec4i(vec4u(codes[row * params.weight_words + quad]) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
    return vec4f(bytes) * scales[row];
  }`;

const INT4 = /* wgsl */ `
  fn weight_at4(row: u32, quad: u32) -> vec4f {
    let at = row * params.weight_words + quad / 2u;
    let nibbles = (vec4u(codes[at] >> (16u * (quad & 1u))) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
    return (vec4f(nibbles) - 8.0) * scales[at / 4u];
  }`;

const readers: Readonly<Record<PackedFormat, PackedReader>> = {
  float16: { inputs: [CODES], body: FLOAT16 },
  int8: { inputs: [CODES, SCALES], body: INT8 },
  int4: { inputs: [CODES, SCALES], body: INT4 },
};

export function packedReader(format: PackedFormat): PackedReader {
  return readers[format];
}
