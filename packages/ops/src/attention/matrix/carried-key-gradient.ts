import { programs } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { each } from '../../kernel/unrolled.ts';
import type { MatrixUnit } from '../../product/matrix-unit.ts';
import { blockSizes, type AttentionBlocks } from '../blocks.ts';
import { fallsInVectors, headsBuffer, loadFunction, mapBuffer, mapLoad, storeFunction } from '../buffers.ts';
import { keyBlock, KEY_GRADIENT_PARAMS, runKeyGradient } from '../key-block.ts';
import type { BackwardRows } from '../row-statistics-webgpu.ts';
import { biasFunctions, biasInputs, biasRead, biasRow, type BiasRead } from './bias.ts';
import { eachRow, lanePlace, rowAt, type Piece } from './lanes.ts';
import { DIRECTIVES, scoresArray } from './products.ts';
import { addToKeys, queryAreas, stageQueries, sumOverQueries, type QueryAreas } from './query-walk.ts';
import { halvesArray, tileConstants } from './stage.ts';
import {
  bytesOf,
  chooseMatrixTile,
  halvesStride,
  keyOfTile,
  lanesOf,
  rowsOf,
  scoresSize,
  tileOfKey,
  type MatrixTile,
  type TileKey,
} from './tile.ts';

/** Weights and dscores lie query by query. */
const areasOf = (tile: MatrixTile): QueryAreas => queryAreas(tile, tile.columns * halvesStride(rowsOf(tile)));

export const carriedKeyGradientBytes = (tile: MatrixTile): number =>
  bytesOf({ halves: areasOf(tile).size, scores: scoresSize(tile), other: 0 });

/**
 * Keys of the own block are the rows, and the queries of all heads of their group the columns. Scores and dscores are read, along
 * the keys as they lie; the units read them as columns of weights.
 */
export const carriedKeyGradientProgram = programs(
  (...[bias, inVectors, ...key]: readonly [BiasRead, boolean, ...TileKey]) => {
    const tile = tileOfKey(key);
    const { width } = tile;
    const areas = areasOf(tile);
    const rows = (piece: (i: number) => string): string => eachRow(tile, piece);
    const across = rowsOf(tile) / 4;
    const weigh = ({ columns, count }: Piece): string => {
      const turns = Math.ceil((columns * across) / lanesOf(tile));
      const isWhole = (columns * across) % lanesOf(tile) === 0;
      return each(
        turns,
        (p) => `{
          let column = (lane + ${p * lanesOf(tile)}u) / ${across}u;
          let row = 4u * ((lane + ${p * lanesOf(tile)}u) % ${across}u);
          ${isWhole ? '' : `if (column < ${columns}u)`} {
            let query = first_query + ${count === undefined ? 'start + column' : 'min(start + column, params.rows - 1u)'};
            let of_row = statistics[query];
            let is_there = (row + vec4u(0u, 1u, 2u, 3u) < vec4u(rows_there))${count === undefined ? '' : ` & vec4<bool>(column < ${count})`};
            let at = query * params.queries + tile_row + row;
            var score = load_map(at, is_there) - of_row.x;
            ${
              bias === 'none'
                ? ''
                : `let of_column = query - first_query;
                   score += load_bias(${biasRow('of_column')} + params.first_key + tile_row + row, is_there);`
            }
            let weight = exp(select(vec4f(HIDDEN), score, is_there));
            halves[${areas.weights}u + column * ${halvesStride(rowsOf(tile))}u + row / 4u] = halves_of(weight);
            halves[${areas.dScores}u + column * ${halvesStride(rowsOf(tile))}u + row / 4u] = halves_of(load_read_dscores(at, is_there));
          }
        }`,
      );
    };
    const differentiate = ({ columns, count }: Piece): string => /* wgsl */ `
      ${stageQueries(tile, { columns, count }, areas)}
      ${weigh({ columns, count })}
      workgroupBarrier();
      ${addToKeys(tile, columns, areas, true)}
      workgroupBarrier();`;
    return {
      name: 'attentionCarriedKeyGradientByUnits',
      directives: DIRECTIVES,
      inputs: [
        headsBuffer('query', width),
        headsBuffer('dy', width),
        'statistics: array<vec2f>',
        ...biasInputs(bias),
        mapBuffer('map', inVectors),
        mapBuffer('read_dscores', inVectors),
      ],
      outputs: [headsBuffer('dkey', width), headsBuffer('dvalue', width)],
      params: KEY_GRADIENT_PARAMS,
      body: /* wgsl */ `
        ${tileConstants(tile)}
        ${halvesArray(areas.size)}
        ${scoresArray('scores', tile)}
        ${loadFunction('query', width)}
        ${loadFunction('dy', width)}
        ${biasFunctions(bias)}
        ${mapLoad('map', inVectors)}
        ${mapLoad('read_dscores', inVectors)}
        ${storeFunction('dkey', width)}
        ${storeFunction('dvalue', width)}

        @compute @workgroup_size(${lanesOf(tile)})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          ${lanePlace(tile, 'params.block')}
          let first_query = batch * params.rows;
          ${rows((i) => `let key_${i} = first_row + ${rowAt(tile, i)};`)}
          ${sumOverQueries(tile, differentiate)}
        }`,
    };
  },
);

/** The tile of the gradient of the own block's keys on matrix units; undefined where it is one for plain kernels. */
export function carriedKeyGradientTile(blocks: AttentionBlocks, unit: MatrixUnit): MatrixTile | undefined {
  const sizes = blockSizes(blocks);
  return chooseMatrixTile(unit, { ...sizes, rows: sizes.queries, columns: sizes.rows }, carriedKeyGradientBytes);
}

/** As `carriedKeyGradientWebGPU` in its form of scores, with matrix units: what is multiplied is rounded to half precision. */
export function carriedKeyGradientByUnits(
  blocks: AttentionBlocks,
  tile: MatrixTile,
  { dy, statistics, map, dScores }: BackwardRows & { readonly map: Tensor; readonly dScores: Tensor },
): [dKey: Tensor, dValue: Tensor] {
  const { query, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const program = carriedKeyGradientProgram(
    biasRead(visibility, sizes),
    fallsInVectors(sizes.queries, 0),
    ...keyOfTile(tile),
  );
  const inputs = [query, dy, statistics, ...(visibility ? [visibility.bias] : []), map, dScores];
  return runKeyGradient(program, blocks, { block: keyBlock(blocks, 'own'), inputs, tileRows: rowsOf(tile) });
}
