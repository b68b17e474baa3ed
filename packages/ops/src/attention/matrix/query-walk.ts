import type { Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, type AttentionBlocks } from '../blocks.ts';
import { eachPiece, type Piece } from './lanes.ts';
import { stage } from './stage.ts';
import type { MatrixTile } from './tile.ts';

/** The keys of one block, and their values: `[B, G, T | N, E]`. */
export interface Block {
  readonly key: Tensor;
  readonly value: Tensor;
  /** The place of its first key among all. */
  readonly firstKey: number;
}

export function blockOf(blocks: AttentionBlocks, name: 'context' | 'own'): Block {
  return name === 'own'
    ? { key: blocks.key, value: blocks.value, firstKey: blockSizes(blocks).contextTokens }
    : { key: blocks.contextKey!, value: blocks.contextValue!, firstKey: 0 };
}

/** Of a program whose rows are the keys of a block, and which walks over the queries. */
export const QUERY_WALK_PARAMS: readonly string[] = [
  'rows: u32',
  'queries: u32',
  'block: u32',
  'first_key: u32',
  'keys: u32',
  'groups: u32',
  'bias_rows: u32',
];

export function queryWalkParams(blocks: AttentionBlocks, { key, firstKey }: Block): number[] {
  const { rows, queries, keys, groups } = blockSizes(blocks);
  return [rows, queries, key.shape[2]!, firstKey, keys, groups, blocks.visibility?.bias.shape[2] ?? 1];
}

/** WGSL: runs `body` for piece after piece of the queries of all heads of a group. Known inside is the piece's `start`. */
export function walkQueries(tile: MatrixTile, body: (piece: Piece) => string): string {
  return /* wgsl */ `
    var start = 0u;
    while (start < params.rows) {
      let room = params.rows - start;
      ${eachPiece(tile, 'room', (piece) => `${body(piece)} start += ${piece.count ?? `${piece.columns}u`};`)}
    }`;
}

/** WGSL: stages the queries of a piece, and the rows of dy. */
export function stageQueries(
  tile: MatrixTile,
  { columns, count }: Piece,
  areas: { readonly queries: number; readonly dys: number },
): string {
  const copies = [
    { area: areas.queries, load: (row: string, e: string) => `load_query(first_query + start + ${row}, ${e})` },
    { area: areas.dys, load: (row: string, e: string) => `load_dy(first_query + start + ${row}, ${e})` },
  ];
  return stage(tile, columns, copies, count);
}
