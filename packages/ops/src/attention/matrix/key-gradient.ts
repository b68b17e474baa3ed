import { programs } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { MatrixUnit } from '../../product/matrix-unit.ts';
import { NOTHING } from '../blind-rows.ts';
import { blockSizes, type AttentionBlocks } from '../blocks.ts';
import { headsBuffer, loadFunction, storeFunction } from '../buffers.ts';
import { KEY_GRADIENT_PARAMS, runKeyGradient, type KeyBlock } from '../key-block.ts';
import type { BackwardRows } from '../row-statistics-webgpu.ts';
import { columnAt, eachRow, eachVector, lanePlace, rowAt, scoreAt, vectorAt, weightAt, type Piece } from './lanes.ts';
import { DIRECTIVES, multiplyHeads, scoresArray } from './products.ts';
import { addToKeys, queryAreas, stageQueries, sumOverQueries, type QueryAreas } from './query-walk.ts';
import { halvesArray, loadRows, tileConstants } from './stage.ts';
import {
  bytesOf,
  chooseMatrixTile,
  keyOfTile,
  lanesOf,
  rowsOf,
  scoresSize,
  stagedSize,
  tileOfKey,
  weightsSize,
  type MatrixTile,
  type TileKey,
} from './tile.ts';

/** At first the rows of keys lie there, and of values. */
function areasOf(tile: MatrixTile): QueryAreas {
  const areas = queryAreas(tile, weightsSize(tile));
  return { ...areas, size: Math.max(areas.size, stagedSize(tile, rowsOf(tile))) };
}

export const keyGradientBytes = (tile: MatrixTile): number =>
  bytesOf({ halves: areasOf(tile).size, scores: 2 * scoresSize(tile), other: 8 * tile.columns });

/** How the bias enters: not at all, one for a key, or one for each query and key. */
type BiasOf = 'none' | 'keys' | 'pairs';

/** Keys are the rows here, and the queries of all heads of their group the columns. */
export const keyGradientProgram = programs((...[bias, ...key]: readonly [BiasOf, ...TileKey]) => {
  const tile = tileOfKey(key);
  const { width } = tile;
  const areas = areasOf(tile);
  const buffers = ['query', 'dy', 'key', 'value'];
  const rows = (piece: (i: number) => string): string => eachRow(tile, piece);
  const biasOfPair = (i: number, f: number): string =>
    [0, 1, 2, 3]
      .map(
        (c) =>
          `bias[(first_bias + (start + ${columnAt(tile, f)} + ${c}u) % params.queries % params.bias_rows) * params.keys + params.first_key + tile_row + row_${i}]`,
      )
      .join(', ');
  const differentiate = ({ columns, count }: Piece): string => {
    const ifThere = (c: number): string => (count === undefined ? '' : `if (4u * lane + ${c}u < ${count})`);
    return /* wgsl */ `
      ${stageQueries(tile, { columns, count }, areas)}
      if (lane < ${columns / 4}u) {
        var logs = vec4f(${NOTHING}); // of no query there: no weight
        var deltas = vec4f();
        ${[0, 1, 2, 3].map((c) => `${ifThere(c)} { let of_row = statistics[first_query + start + 4u * lane + ${c}u]; logs[${c}] = of_row.x; deltas[${c}] = of_row.y; }`).join('\n')}
        column_logs[lane] = logs;
        column_deltas[lane] = deltas;
      }
      workgroupBarrier();
      ${multiplyHeads(tile, columns, { rows: 'keys', area: areas.queries, into: 'scores' })}
      ${multiplyHeads(tile, columns, { rows: 'values', area: areas.dys, into: 'dweights' })}
      workgroupBarrier();
      ${rows((i) =>
        eachVector(
          tile,
          columns,
          (f) => `{
            var score = scores[${scoreAt(tile, i, f)}] * SCALE;
            ${bias === 'none' ? '' : `score += ${bias === 'keys' ? `bias_${i}` : `vec4f(${biasOfPair(i, f)})`};`}
            let weight = exp(score - column_logs[${vectorAt(tile, f)}]);
            let dscore = weight * (dweights[${scoreAt(tile, i, f)}] - column_deltas[${vectorAt(tile, f)}]);
            halves[${weightAt(tile, areas.weights, i, f)}] = halves_of(weight);
            halves[${weightAt(tile, areas.dScores, i, f)}] = halves_of(dscore);
          }`,
        ),
      )}
      workgroupBarrier();
      ${addToKeys(tile, columns, areas)}
      workgroupBarrier();`;
  };
  return {
    name: 'attentionKeyGradientByUnits',
    directives: DIRECTIVES,
    inputs: [
      ...buffers.map((name) => headsBuffer(name, width)),
      'statistics: array<vec2f>',
      ...(bias === 'none' ? [] : ['bias: array<f32>']),
    ],
    outputs: [headsBuffer('dkey', width), headsBuffer('dvalue', width)],
    params: KEY_GRADIENT_PARAMS,
    body: /* wgsl */ `
      ${tileConstants(tile)}
      ${halvesArray(areas.size)}
      ${scoresArray('scores', tile)}
      ${scoresArray('dweights', tile)}
      var<workgroup> column_logs: array<vec4f, ${tile.columns / 4}>;
      var<workgroup> column_deltas: array<vec4f, ${tile.columns / 4}>;
      ${buffers.map((name) => loadFunction(name, width)).join('\n')}
      ${storeFunction('dkey', width)}
      ${storeFunction('dvalue', width)}

      @compute @workgroup_size(${lanesOf(tile)})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
        ${lanePlace(tile, 'params.block')}
        let first_query = batch * params.rows;
        ${loadRows(tile, 'key', 'keys')}
        ${loadRows(tile, 'value', 'values')}
        ${bias === 'none' ? '' : 'let first_bias = batch / params.groups * params.bias_rows;'}
        ${rows(
          (i) => `
            let row_${i} = min(${rowAt(tile, i)}, rows_there - 1u);
            let key_${i} = first_row + row_${i};
            ${bias === 'keys' ? `let bias_${i} = bias[first_bias * params.keys + params.first_key + tile_row + row_${i}];` : ''}`,
        )}
        ${sumOverQueries(tile, differentiate)}
      }`,
  };
});

/** The tile of the gradient of a block's keys on matrix units; undefined where it is one for plain kernels. */
export function keyGradientTile(blocks: AttentionBlocks, { key }: KeyBlock, unit: MatrixUnit): MatrixTile | undefined {
  const sizes = blockSizes(blocks);
  return chooseMatrixTile(unit, { ...sizes, rows: key.shape[2]!, columns: sizes.rows }, keyGradientBytes);
}

/** As `keyGradientWebGPU`, with matrix units: heads, dy, weights and dscores are rounded to half precision. */
export function keyGradientByUnits(
  blocks: AttentionBlocks,
  tile: MatrixTile,
  { dy, statistics, block }: BackwardRows & { readonly block: KeyBlock },
): [dKey: Tensor, dValue: Tensor] {
  const { query, visibility } = blocks;
  const { key, value } = block;
  const biasOf = visibility === undefined ? 'none' : visibility.bias.shape[2] === 1 ? 'keys' : 'pairs';
  const inputs = [query, dy, key, value, statistics, ...(visibility ? [visibility.bias] : [])];
  return runKeyGradient(keyGradientProgram(biasOf, ...keyOfTile(tile)), blocks, {
    block,
    inputs,
    tileRows: rowsOf(tile),
  });
}
