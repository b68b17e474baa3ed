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
  /** WGSL type of what is read: what waits in registers for its turn. */
  readonly type: 'vec4f' | 'vec2u';
  /** WGSL of what `value` calls, once a program. */
  readonly functions: string;
  /** WGSL of what `read` calls. */
  readonly body: string;
  /**
   * WGSL: 4 elements along the contiguous axis, as they lie; `column` is a multiple of 4. Beyond the edges they are any values. Nothing is
   * done with them here: a program that uses what it reads waits for it.
   */
  read(row: string, column: string): string;
  /** WGSL: the 4 float32 values of what was read. */
  value(read: string): string;
}

/** @param contiguous WGSL of the length of the operand's contiguous axis */
export function operandReader(name: string, layout: OperandLayout, contiguous: string): OperandReader {
  const common = { layout, params: [], functions: '', type: 'vec4f', value: (read: string) => read } as const;
  if (layout === 'vectors') {
    return {
      ...common,
      inputs: [`${name}: array<vec4f>`],
      body: '',
      read: (row, column) => `${name}[((${row}) * ${contiguous} + ${column}) / 4u]`,
    };
  }
  if (layout === 'scalars') {
    return {
      ...common,
      inputs: [`${name}: array<f32>`],
      body: /* wgsl */ `
        fn read_${name}(row: u32, column: u32) -> vec4f {
          let at = row * ${contiguous} + column;
          return vec4f(${name}[at], ${name}[at + 1u], ${name}[at + 2u], ${name}[at + 3u]);
        }`,
      read: (row, column) => `read_${name}(${row}, ${column})`,
    };
  }
  const { inputs, read, unpack } = packedReader(layout, `_${name}`);
  return {
    layout,
    inputs,
    params: ['weight_words: u32'],
    functions: unpack,
    type: 'vec2u',
    body: read,
    read: (row, column) => `read_quad_${name}(${row}, (${column}) / 4u)`,
    value: (bits) => `unpack_quad(${bits})`,
  };
}
