import { each } from '../../kernel/unrolled.ts';
import { halvesStride, rowsEachOf, scoresStride, stepOf, type MatrixTile } from './tile.ts';

// Which elements of a tile a lane sees, between products. What the units hold, no lane knows.

/**
 * WGSL: where a lane stands. Its tile: the first of the `rows` of its batch member and key/value head, and how many of the tile's rows are
 * there; and in it the first row of its subgroup, and its own row and place.
 */
export function lanePlace({ unit, lanesPerRow }: MatrixTile, rows: 'params.rows' | 'params.block'): string {
  return /* wgsl */ `
    let batch = group.z;
    let tile_row = group.x * ROWS;
    let first_row = batch * ${rows} + tile_row;
    let rows_there = ${rows} - tile_row;
    let subgroup_row = lane / ${unit.subgroupSize}u * ${unit.rows}u;
    let x = lane % ${lanesPerRow}u;
    let y = subgroup_row + lane % ${unit.subgroupSize}u / ${lanesPerRow}u;`;
}

/** WGSL: row i of the lane in the tile. */
export const rowAt = ({ unit, lanesPerRow }: MatrixTile, i: number): string =>
  `(y + ${(i * unit.subgroupSize) / lanesPerRow}u)`;
/** WGSL: vector f of the lane in a row: one of so many columns. */
export const vectorAt = ({ lanesPerRow }: MatrixTile, f: number): string => `(x + ${f * lanesPerRow}u)`;
/** WGSL: where vector f of row i lies among the scores. */
export const scoreAt = (tile: MatrixTile, i: number, f: number): string =>
  `${rowAt(tile, i)} * ${scoresStride(tile)}u + ${vectorAt(tile, f)}`;
/** WGSL: where it lies among the weights that begin at `area`. */
export const weightAt = (tile: MatrixTile, area: number, i: number, f: number): string =>
  `${area}u + ${rowAt(tile, i)} * ${halvesStride(tile.columns)}u + ${vectorAt(tile, f)}`;

/** Joins one piece for each row of a lane. */
export const eachRow = (tile: MatrixTile, piece: (i: number) => string): string => each(rowsEachOf(tile), piece);
/** Joins one piece for each vector of a lane in a row of so many columns. */
export const eachVector = ({ lanesPerRow }: MatrixTile, columns: number, piece: (f: number) => string): string =>
  each(columns / 4 / lanesPerRow, piece);

/** WGSL: `value` of all lanes that share a row, joined by `join`. */
export function sharedByRow({ lanesPerRow }: MatrixTile, name: string, join: (a: string, b: string) => string): string {
  return each(Math.log2(lanesPerRow), (i) => `${name} = ${join(name, `subgroupShuffleXor(${name}, ${2 ** i}u)`)};`);
}

/** A piece of a walk over columns: so many of them, of which all are there or `count` (WGSL). */
export interface Piece {
  readonly columns: number;
  readonly count?: string;
}

/** WGSL: `body` for the next of the `room` columns that are left: for a whole tile of them, or for the fewest columns. */
export function eachPiece(tile: MatrixTile, room: string, body: (piece: Piece) => string): string {
  const step = stepOf(tile.unit);
  const rest = `let count = min(${room}, ${step}u); ${body({ columns: step, count: 'count' })}`;
  if (tile.columns === step) return rest;
  return `if (${room} >= ${tile.columns}u) { ${body({ columns: tile.columns })} } else { ${rest} }`;
}

/** WGSL: the first column of vector f of the lane, in its piece. */
export const columnAt = (tile: MatrixTile, f: number): string => `4u * ${vectorAt(tile, f)}`;
/** WGSL: which of the vector's columns are there, a `vec4<bool>`. */
export const isThere = (tile: MatrixTile, { count }: Piece, f: number): string =>
  count === undefined ? 'vec4<bool>(true)' : `(${columnAt(tile, f)} + vec4u(0u, 1u, 2u, 3u) < vec4u(${count}))`;
