import { isPacked, packedReader, type PackedFormat, type Weight } from '@latte-flow/runtime';

/** How an operand of a product lies: float32 in vectors of 4 or one by one, or packed. */
export type OperandLayout = 'vectors' | 'scalars' | PackedFormat;

/** The layout of an operand whose contiguous axis has this length. */
export function layoutOf(operand: Weight, contiguous: number): OperandLayout {
  if (isPacked(operand)) return operand.format;
  return contiguous % 4 === 0 ? 'vectors' : 'scalars';
}

export interface OperandReader {
  readonly layout: OperandLayout;
  /** Declarations of its bindings. */
  readonly inputs: readonly string[];
  /** Declarations of further parameters. */
  readonly params: readonly string[];
  /** WGSL type of what `read_{name}` returns: what waits in registers for its turn. */
  readonly type: 'vec4f' | 'vec2u';
  /** WGSL of what `value` calls, once a program. */
  readonly functions: string;
  /** WGSL: `read_{name}(row, column)` reads 4 elements along the contiguous axis, zeros beyond the edges; `column` is a multiple of 4. */
  readonly body: string;
  /** WGSL: the 4 float32 values of what was read. */
  value(read: string): string;
}

/** `outer` and `inner` are the sizes of the operand's axes, the contiguous one last. */
export function operandReader(
  name: string,
  layout: OperandLayout,
  { outer, inner }: { readonly outer: string; readonly inner: string },
): OperandReader {
  if (layout === 'vectors') {
    return {
      layout,
      inputs: [`${name}: array<vec4f>`],
      params: [],
      functions: '',
      type: 'vec4f',
      value: (read) => read,
      body: /* wgsl */ `
        fn read_${name}(row: u32, column: u32) -> vec4f {
          let isThere = row < ${outer} && column < ${inner};
          return select(vec4f(), ${name}[select(0u, (row * ${inner} + column) / 4u, isThere)], isThere);
        }`,
    };
  }
  if (layout === 'scalars') {
    return {
      layout,
      inputs: [`${name}: array<f32>`],
      params: [],
      functions: '',
      type: 'vec4f',
      value: (read) => read,
      body: /* wgsl */ `
        fn read_${name}(row: u32, column: u32) -> vec4f {
          var values = vec4f();
          if (row >= ${outer}) { return values; }
          for (var i = 0u; i < 4u; i++) {
            if (column + i < ${inner}) { values[i] = ${name}[row * ${inner} + column + i]; }
          }
          return values;
        }`,
    };
  }
  const { inputs, read, unpack } = packedReader(layout, `_${name}`);
  return {
    layout,
    inputs,
    params: ['weight_words: u32'],
    functions: unpack,
    type: 'vec2u',
    value: (bits) => `unpack_quad(${bits})`,
    body: /* wgsl */ `
      ${read}
      fn read_${name}(row: u32, column: u32) -> vec2u {
        let isThere = row < ${outer} && column < ${inner};
        return select(vec2u(), read_quad_${name}(select(0u, row, isThere), column / 4u), isThere);
      }`,
  };
}
