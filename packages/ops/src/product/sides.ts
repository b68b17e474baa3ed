import { operandReader, type OperandLayout, type OperandReader } from './operand.ts';

/**
 * The right-hand sides of a product, and where their results go: one B and one C, or several B of one A, in one
 * dispatch. The columns of all of them follow one another in the tiles of the workgroups.
 */
export interface Sides {
  readonly count: number;
  /** Workgroups write to one buffer: several sides then follow one another in it, whole. */
  readonly isOneResult: boolean;
  readonly bias: boolean;
  readonly residual: boolean;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (parts: readonly string[]): string => parts.join('\n');

/** WGSL: the statement of the side that a workgroup works on, one that returns or assigns. */
export function ofSide(count: number, statement: (side: number) => string): string {
  if (count === 1) return statement(0);
  const cases = range(count - 1).map((side) => `case ${side}u: { ${statement(side)} }`);
  return `switch side { ${cases.join(' ')} default: { ${statement(count - 1)} } }`;
}

/** The reader of B, whose rows are the columns of C where `transposeB`. */
export function sidesReader(count: number, layout: OperandLayout, transposeB: boolean): OperandReader {
  const axes = (n: string) => (transposeB ? { outer: n, inner: 'params.k' } : { outer: 'params.k', inner: n });
  if (count === 1) return operandReader('b', layout, axes('params.n'));
  const readers = range(count).map((side) => operandReader(`b${side}`, layout, axes(`params.n${side}`)));
  const first = readers[0]!;
  return {
    ...first,
    inputs: readers.flatMap(({ inputs }) => inputs),
    body: /* wgsl */ `
      ${lines(readers.map(({ body }) => body))}
      fn read_b(row: u32, column: u32) -> ${first.type} { ${ofSide(count, (side) => `return read_b${side}(row, column);`)} }`,
  };
}

/** Parameters of the sizes of C. */
export function sidesParams(count: number): string[] {
  return count === 1 ? ['n: u32'] : [...range(count).map((side) => `n${side}: u32`), 'pieces: u32'];
}

/** WGSL of the number of columns of the side at hand. */
export function widthOf(count: number): string {
  return count === 1 ? 'params.n' : 'width';
}

/** WGSL: `{place}` counts columns, or tiles of `columns`, over all sides; finds the side, and makes it count in that one. */
export function chooseSide(count: number, place: string, columns: number): string {
  if (count === 1) return '';
  const next = (side: number): string => /* wgsl */ `
    if (side == ${side - 1}u) {
      let tiles = (width + ${columns - 1}u) / ${columns}u;
      if (${place} >= tiles) {
        ${place} -= tiles;
        base += params.pieces * params.m * width;
        width = params.n${side};
        side = ${side}u;
      }
    }`;
  return /* wgsl */ `
    side = 0u;
    base = 0u;
    width = params.n0;
    ${lines(range(count).slice(1).map(next))}`;
}

export function sidesDeclarations({ count, bias }: Sides, type: 'f32' | 'vec4f'): string {
  if (count === 1) return '';
  return /* wgsl */ `
    var<private> side: u32;
    var<private> base: u32; // elements of the sides before this one in a shared result
    var<private> width: u32;
    ${bias ? `fn bias_at(at: u32) -> ${type} { ${ofSide(count, (side) => `return bias${side}[at];`)} }` : ''}`;
}

export function sidesInputs({ count, bias, residual }: Sides, array: string): string[] {
  const biases = count === 1 ? [`bias: ${array}`] : range(count).map((side) => `bias${side}: ${array}`);
  return [...(bias ? biases : []), ...(residual ? [`residual: ${array}`] : [])];
}

export function sidesOutputs({ count, isOneResult }: Sides, array: string): string[] {
  return isOneResult ? [`c: ${array}`] : range(count).map((side) => `c${side}: ${array}`);
}

/** WGSL that writes `value` at element (or vector) `at` of the side's [pieces, M, N], with what is added to it. */
export function writeResult(
  { count, isOneResult, bias, residual }: Sides,
  { at, column, value, vector }: { at: string; column: string; value: string; vector: boolean },
): string {
  const biased = bias ? `${value} + ${count === 1 ? `bias[${column}]` : `bias_at(${column})`}` : value;
  const sum = residual ? `${biased} + residual[${at}]` : biased;
  if (!isOneResult) return ofSide(count, (side) => `c${side}[${at}] = ${sum};`);
  return count === 1 ? `c[${at}] = ${sum};` : `c[base${vector ? ' / 4u' : ''} + ${at}] = ${sum};`;
}
