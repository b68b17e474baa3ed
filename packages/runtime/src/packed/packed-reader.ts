import type { PackedFormat } from './packed-weight.ts';

/** How a program reads a packed weight, 4 values (a quad) at a time. */
export interface PackedReader {
  /** Declarations of its bindings, in the order of `packedParts`. */
  readonly inputs: readonly string[];
  /**
   * WGSL: `read_quad(row, quad) -> vec2u` are the bits of columns 4 quad to 4 quad + 3, with their scale, and zeros beyond the
   * last one. Reads `params.weight_words: u32`, the words of a row.
   */
  readonly read: string;
  /** WGSL: `unpack_quad(bits: vec2u) -> vec4f` are their values; of `vec2u()` zeros. */
  readonly unpack: string;
}

const CODES = 'codes: array<u32>';
const SCALES = 'scales: array<f32>';

const readers: Readonly<Record<PackedFormat, PackedReader>> = {
  float16: {
    inputs: ['codes: array<vec2u>'],
    read: /* wgsl */ `
      fn read_quad(row: u32, quad: u32) -> vec2u { return codes[row * params.weight_words / 2u + quad]; }`,
    // A subnormal half is a normal float32, and `unpack2x16float` may make it 0: those are built from their bits.
    unpack: /* wgsl */ `
      fn unpack_halves(word: u32) -> vec2f {
        let halves = vec2u(word, word >> 16u);
        let fractions = vec2f(halves & vec2u(0x3ffu)) * 0x1p-24f;
        let subnormals = select(fractions, -fractions, (halves & vec2u(0x8000u)) != vec2u());
        return select(unpack2x16float(word), subnormals, (halves & vec2u(0x7c00u)) == vec2u());
      }
      fn unpack_quad(bits: vec2u) -> vec4f { return vec4f(unpack_halves(bits.x), unpack_halves(bits.y)); }`,
  },
  int8: {
    inputs: [CODES, SCALES],
    read: /* wgsl */ `
      fn read_quad(row: u32, quad: u32) -> vec2u {
        return vec2u(codes[row * params.weight_words + quad], bitcast<u32>(scales[row]));
      }`,
    unpack: /* wgsl */ `
      fn unpack_quad(bits: vec2u) -> vec4f {
        let bytes = vec4i(vec4u(bits.x) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
        return vec4f(bytes) * bitcast<f32>(bits.y);
      }`,
  },
  int4: {
    inputs: [CODES, SCALES],
    read: /* wgsl */ `
      fn read_quad(row: u32, quad: u32) -> vec2u {
        let at = row * params.weight_words + quad / 2u;
        return vec2u(codes[at] >> (16u * (quad & 1u)), bitcast<u32>(scales[at / 4u]));
      }`,
    unpack: /* wgsl */ `
      fn unpack_quad(bits: vec2u) -> vec4f {
        let nibbles = (vec4u(bits.x) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
        return (vec4f(nibbles) - 8.0) * bitcast<f32>(bits.y);
      }`,
  },
};

/** With a suffix, its bindings and `read_quad` end in it: a program may read several weights of one format and one width. */
export function packedReader(format: PackedFormat, suffix = ''): PackedReader {
  const { inputs, read, unpack } = readers[format];
  return {
    inputs: inputs.map((declaration) => declaration.replace(':', `${suffix}:`)),
    read: read.replaceAll(/\b(codes|scales|read_quad)\b/g, `$1${suffix}`),
    unpack,
  };
}
