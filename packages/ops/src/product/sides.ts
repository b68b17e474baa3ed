import { lines, range } from '../kernel/unrolled.ts';
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

/** WGSL: the statement of the side that a workgroup works on, one that returns or assigns; in `main` of its tile's side. */
export function ofSide(count: number, statement: (side: number) => string, side = 'side'): string {
  if (count === 1) return statement(0);
  const cases = range(count - 1).map((place) => `case ${place}u: { ${statement(place)} }`);
  return `switch ${side} { ${cases.join(' ')} default: { ${statement(count - 1)} } }`;
}

/**
 * What `choose` finds, as variables of `main`: a program knows of those that all lanes agree on them, which it does not of private ones.
 * Matrix units behind a branch that lanes might not share gave wrong products on one graphics card.
 */
export const TILE_SIDE = 'tile_side';

/** The readers of B, one a side; its rows are the columns of C where `transposeB`. */
export function sidesReaders(count: number, layout: OperandLayout, transposeB: boolean): OperandReader[] {
  return range(count).map((side) => {
    const suffix = count === 1 ? '' : `${side}`;
    return operandReader(`b${suffix}`, layout, transposeB ? 'params.k' : `params.n${suffix}`);
  });
}

/** What a program says of its sides, in WGSL. */
export interface SidesWgsl {
  /** Declarations of the buffers of what is added, and of the results. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Declarations of the parameters of their sizes. */
  readonly params: readonly string[];
  readonly declarations: string;
  /** The number of columns of the side at hand; in `main`, after `choose`, that of its tile, which all lanes agree on. */
  readonly width: string;
  readonly tileWidth: string;
  /** In `main`: elements of the sides before this one in a shared result. */
  readonly tileBase: string;
  /** `{place}` counts columns, or tiles of `columns`, over all sides; finds the side, and makes it count in that one. */
  choose(place: string, columns: number): string;
  /** Writes `value` at element (or vector) `at` of the side's [pieces, M, N], with what is added to it. */
  write(value: string, place: { readonly at: string; readonly column: string }): string;
}

/** @param element of the buffers: `vec4f` where every N is a multiple of 4 */
export function sidesWgsl({ count, isOneResult, bias, residual }: Sides, element: 'f32' | 'vec4f'): SidesWgsl {
  const array = `array<${element}>`;
  const sideNames = (name: string): string[] => (count === 1 ? [name] : range(count).map((side) => `${name}${side}`));
  const declared = (names: readonly string[]): string[] => names.map((name) => `${name}: ${array}`);
  const nextSide = (place: string, columns: number, side: number): string => /* wgsl */ `
    if (${TILE_SIDE} == ${side - 1}u) {
      let tiles = (tile_width + ${columns - 1}u) / ${columns}u;
      if (${place} >= tiles) {
        ${place} -= tiles;
        tile_base += params.pieces * params.m * tile_width;
        tile_width = params.n${side};
        ${TILE_SIDE} = ${side}u;
      }
    }`;
  return {
    inputs: declared([...(bias ? sideNames('bias') : []), ...(residual ? ['residual'] : [])]),
    outputs: declared(isOneResult ? ['c'] : sideNames('c')),
    params: [...sideNames('n').map((name) => `${name}: u32`), ...(count === 1 ? [] : ['pieces: u32'])],
    width: count === 1 ? 'params.n' : 'width',
    tileWidth: count === 1 ? 'params.n' : 'tile_width',
    tileBase: count === 1 || !isOneResult ? '0u' : 'tile_base',
    declarations: /* wgsl */ `
      ${count === 1 ? '' : 'var<private> side: u32; var<private> width: u32;'}
      ${count === 1 ? '' : 'var<private> base: u32; // elements of the sides before this one in a shared result'}
      ${bias ? `fn bias_at(at: u32) -> ${element} { ${ofSide(count, (side) => `return ${sideNames('bias')[side]}[at];`)} }` : ''}`,
    choose: (place, columns) =>
      count === 1
        ? ''
        : /* wgsl */ `
          var ${TILE_SIDE} = 0u;
          var tile_base = 0u;
          var tile_width = params.n0;
          ${lines(range(count - 1).map((side) => nextSide(place, columns, side + 1)))}
          side = ${TILE_SIDE};
          base = tile_base;
          width = tile_width;`,
    write: (value, { at, column }) => {
      const sum = [value, ...(bias ? [`bias_at(${column})`] : []), ...(residual ? [`residual[${at}]`] : [])].join(
        ' + ',
      );
      if (!isOneResult) return ofSide(count, (side) => `${sideNames('c')[side]}[${at}] = ${sum};`);
      return count === 1 ? `c[${at}] = ${sum};` : `c[base${element === 'vec4f' ? ' / 4u' : ''} + ${at}] = ${sum};`;
    },
  };
}
