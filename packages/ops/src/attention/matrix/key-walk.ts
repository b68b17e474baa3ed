import type { Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, keyBuffers, type AttentionBlocks } from '../blocks.ts';
import { headsBuffer, loadFunction } from '../buffers.ts';
import { biasRow, type BiasRead } from './bias.ts';
import { eachPiece, eachRow, rowAt, type Piece } from './lanes.ts';
import { stage } from './stage.ts';
import type { MatrixTile } from './tile.ts';

/** Where the context's keys lie: nowhere, in buffers of their own, or before the own block's in the same ones. */
export type ContextPlace = 'none' | 'bound' | 'joined';

/** Of a program whose rows are queries, and which walks over the keys. */
export const KEY_WALK_PARAMS: readonly string[] = [
  'rows: u32',
  'queries: u32',
  'context: u32',
  'own_pitch: u32',
  'own_first: u32',
  'keys: u32',
  'groups: u32',
  'bias_rows: u32',
  'keys_each: u32',
  'all_rows: u32',
];

const buffersOf = (context: ContextPlace): string[] => [
  'key',
  'value',
  ...(context === 'bound' ? ['context_key', 'context_value'] : []),
];

export const keyInputs = (context: ContextPlace, width: number): string[] =>
  buffersOf(context).map((name) => headsBuffer(name, width));

export const keyFunctions = (context: ContextPlace, width: number): string =>
  buffersOf(context)
    .map((name) => loadFunction(name, width))
    .join('\n');

/**
 * WGSL: of the lane's rows, which are queries: whether `is_row_i`, the nearest `row_i` of the tile that is one, its place `query_i` among all,
 * and where the bias of its keys begins, `bias_i`.
 */
export const queryRows = (tile: MatrixTile, bias: BiasRead): string =>
  eachRow(
    tile,
    (i) => `
      let is_row_${i} = ${rowAt(tile, i)} < rows_there;
      let row_${i} = min(${rowAt(tile, i)}, rows_there - 1u);
      let query_${i} = first_row + row_${i};
      ${bias === 'none' ? '' : `let bias_${i} = ${biasRow(`(tile_row + row_${i})`)};`}`,
  );

/**
 * WGSL: runs `body` for piece after piece of the workgroup's share of the keys, those of the own block first: in that order maps
 * begin with a tile. A piece is of one block. Known inside are `is_context`, the piece's `start` in its block, and `bias_start` among all
 * keys.
 */
export function walkKeys(tile: MatrixTile, context: ContextPlace, body: (piece: Piece) => string): string {
  return /* wgsl */ `
    var at = group.y * params.keys_each;
    let last_key = min(params.keys, at + params.keys_each);
    while (at < last_key) {
      ${
        context === 'none'
          ? `let start = at; let bias_start = at; let room = last_key - at;`
          : `let is_context = at >= params.queries;
             let start = select(at, at - params.queries, is_context);
             let bias_start = select(start + params.context, start, is_context);
             let room = min(last_key, select(params.queries, params.keys, is_context)) - at;`
      }
      ${eachPiece(tile, 'room', (piece) => `${body(piece)} at += ${piece.count ?? `${piece.columns}u`};`)}
    }`;
}

/** WGSL: runs `text` in pieces of the own block, `otherwise` in those of the context. */
export function inOwnBlock(context: ContextPlace, text: string, otherwise = ''): string {
  if (context === 'none') return text;
  return `if (!is_context) { ${text} } ${otherwise === '' ? '' : `else { ${otherwise} }`}`;
}

/** WGSL: stages the keys and the values of a piece. */
export function stageKeys(
  tile: MatrixTile,
  context: ContextPlace,
  { columns, count }: Piece,
  areas: { readonly keys: number; readonly values: number },
): string {
  const copies = (load: (name: string, row: string) => string) =>
    (['key', 'value'] as const).map((name) => ({
      area: name === 'key' ? areas.keys : areas.values,
      load: (row: string, e: string) => load(name, `start + ${row}, ${e}`),
    }));
  const own = copies((name, place) => `load_${name}(batch * params.own_pitch + params.own_first + ${place})`);
  const ofContext = copies((name, place) =>
    context === 'bound'
      ? `load_context_${name}(batch * params.context + ${place})`
      : `load_${name}(batch * params.own_pitch + ${place})`,
  );
  return inOwnBlock(context, stage(tile, columns, own, count), stage(tile, columns, ofContext, count));
}

interface KeyBindings {
  readonly context: ContextPlace;
  readonly tensors: readonly Tensor[];
  readonly params: readonly number[];
}

/** The buffers of keys and values, and the parameters of the walk, for a program that binds `others` more. */
export function bindKeys(blocks: AttentionBlocks, others: number, keysEach?: number): KeyBindings {
  const { batches, rows, queries, contextTokens, keys, groups } = blockSizes(blocks);
  const { tensors, hasContext, ownPitch } = keyBuffers(blocks, others);
  const context = contextTokens === 0 ? 'none' : hasContext ? 'bound' : 'joined';
  const ownFirst = context === 'joined' ? contextTokens : 0;
  const biasRows = blocks.visibility?.bias.shape[2] ?? 1;
  return {
    context,
    tensors,
    params: [
      rows,
      queries,
      contextTokens,
      ownPitch,
      ownFirst,
      keys,
      groups,
      biasRows,
      keysEach ?? keys,
      batches * rows,
    ],
  };
}
