import { eachPiece, type Piece } from './lanes.ts';
import { accumulate, sums, writeSums } from './products.ts';
import { stage } from './stage.ts';
import { stagedSize, type MatrixTile } from './tile.ts';

// What programs share whose rows are the keys of a block, and which walk over the queries of all heads of a group.

/** Where a piece of the queries lies in `halves`, and how many elements there are. */
export interface QueryAreas {
  readonly queries: 0;
  readonly dys: number;
  readonly weights: number;
  readonly dScores: number;
  readonly size: number;
}

/** Queries, dy, and weights and dscores of so many elements each. */
export function queryAreas(tile: MatrixTile, weights: number): QueryAreas {
  const staged = stagedSize(tile, tile.columns);
  return {
    queries: 0,
    dys: staged,
    weights: 2 * staged,
    dScores: 2 * staged + weights,
    size: 2 * (staged + weights),
  };
}

/** WGSL: stages the queries of a piece, and the rows of dy. */
export function stageQueries(tile: MatrixTile, { columns, count }: Piece, areas: QueryAreas): string {
  const copies = [
    { area: areas.queries, load: (row: string, e: string) => `load_query(first_query + start + ${row}, ${e})` },
    { area: areas.dys, load: (row: string, e: string) => `load_dy(first_query + start + ${row}, ${e})` },
  ];
  return stage(tile, columns, copies, count);
}

/** WGSL: adds what a piece's weights and dscores make of its dy and queries; they lie query by query where `byColumn`. */
export function addToKeys(tile: MatrixTile, columns: number, areas: QueryAreas, byColumn = false): string {
  return /* wgsl */ `
    ${accumulate(tile, columns, { sum: 'dv', weights: areas.weights, byColumn, heads: areas.dys })}
    ${accumulate(tile, columns, { sum: 'dk', weights: areas.dScores, byColumn, heads: areas.queries })}`;
}

/**
 * WGSL: runs `body`, which adds to the keys, for piece after piece of the queries, then stores the gradients of the keys `key_i` that are
 * there. Known inside is the piece's `start`.
 */
export function sumOverQueries(tile: MatrixTile, body: (piece: Piece) => string): string {
  const count = 'rows_there';
  return /* wgsl */ `
    ${sums(tile, 'dk')}
    ${sums(tile, 'dv')}
    var start = 0u;
    while (start < params.rows) {
      let room = params.rows - start;
      ${eachPiece(tile, 'room', (piece) => `${body(piece)} start += ${piece.count ?? `${piece.columns}u`};`)}
    }
    ${writeSums(tile, { name: 'dk', count, store: (i, e, value) => `store_dkey(key_${i}, ${e}, ${value} * SCALE);` })}
    ${writeSums(tile, { name: 'dv', count, store: (i, e, value) => `store_dvalue(key_${i}, ${e}, ${value});` })}`;
}
