import { programs, runProgram } from '@latte-flow/runtime';
import { tidy, type Tensor } from '@tensorflow/tfjs-core';

import type { MatrixUnit } from '../../product/matrix-unit.ts';
import { blockSizes, type AttentionBlocks } from '../blocks.ts';
import { fallsInVectors, headsBuffer, loadFunction, mapBuffer, mapLoad, mapStore, storeFunction } from '../buffers.ts';
import type { BackwardRows } from '../row-statistics-webgpu.ts';
import { biasFunctions, biasInputs, biasRead, type BiasRead } from './bias.ts';
import {
  bindKeys,
  inOwnBlock,
  KEY_WALK_PARAMS,
  keyFunctions,
  keyInputs,
  queryRows,
  stageKeys,
  walkKeys,
  type ContextPlace,
} from './key-walk.ts';
import { columnAt, eachRow, eachVector, isThere, lanePlace, scoreAt, weightAt, type Piece } from './lanes.ts';
import { accumulate, DIRECTIVES, multiplyHeads, scoresArray, sums, writeSums } from './products.ts';
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

/** Elements of halves: keys, then values, in whose place come dscores; at first the rows of queries, and of dy. */
function areasOf(tile: MatrixTile): { readonly keys: 0; readonly values: number; dScores: number; size: number } {
  const values = stagedSize(tile, tile.columns);
  const size = Math.max(values + Math.max(values, weightsSize(tile)), stagedSize(tile, rowsOf(tile)));
  return { keys: 0, values, dScores: values, size };
}

export const queryGradientBytes = (tile: MatrixTile): number =>
  bytesOf({ halves: areasOf(tile).size, scores: 2 * scoresSize(tile), other: 0 });

/** What the own block adds: nothing, or its scores are read from the carried map, and the gradients of all are written. */
type OwnBlock = 'plain' | 'scores';

export const queryGradientProgram = programs(
  (
    ...[context, bias, own, hasMapGradient, inVectors, ...key]: readonly [
      ContextPlace,
      BiasRead,
      OwnBlock,
      boolean,
      boolean,
      ...TileKey,
    ]
  ) => {
    const tile = tileOfKey(key);
    const { width } = tile;
    const areas = areasOf(tile);
    const rows = (piece: (i: number) => string): string => eachRow(tile, piece);
    const isRead = own === 'scores';
    const makesScores = !isRead || context !== 'none';
    const heads = [...(makesScores ? ['query'] : []), 'dy'];
    const maps = [...(isRead ? ['map'] : []), ...(hasMapGradient ? ['dmap'] : [])];
    const differentiate = (piece: Piece): string => {
      const { columns, count } = piece;
      const each = (text: (i: number, f: number) => string): string =>
        rows((i) => eachVector(tile, columns, (f) => text(i, f)));
      const isKey = (f: number): string => isThere(tile, piece, f);
      const ownAt = (i: number, f: number): string =>
        `query_${i} * params.queries + start + ${columnAt(tile, f)}, ${isKey(f)}`;
      const scores = multiplyHeads(tile, columns, { rows: 'queries', area: areas.keys, into: 'scores' });
      const score = (i: number, f: number): string => {
        const made = `scores[${scoreAt(tile, i, f)}] * SCALE`;
        if (!isRead) return made;
        return makesScores ? `select(map_${i}_${f}, ${made}, is_context)` : `map_${i}_${f}`;
      };
      return /* wgsl */ `
        ${stageKeys(tile, context, piece, areas)}
        ${maps.map((name) => each((i, f) => `var ${name}_${i}_${f} = vec4f();`)).join('\n')}
        ${
          maps.length === 0 // on their way while the units multiply
            ? ''
            : inOwnBlock(
                context,
                maps.map((name) => each((i, f) => `${name}_${i}_${f} = load_${name}(${ownAt(i, f)});`)).join('\n'),
              )
        }
        workgroupBarrier();
        ${isRead ? (makesScores ? `if (is_context) { ${scores} }` : '') : scores}
        ${multiplyHeads(tile, columns, { rows: 'dys', area: areas.values, into: 'dweights' })}
        workgroupBarrier(); // all of both are there, and the values are done with
        ${each(
          (i, f) => `{
            var score = ${score(i, f)};
            ${bias === 'none' ? '' : `score += load_bias(bias_${i} + bias_start + ${columnAt(tile, f)}, ${isKey(f)});`}
            score -= of_row_${i}.x;
            let weight = exp(${count === undefined ? 'score' : `select(vec4f(HIDDEN), score, ${isKey(f)})`});
            var dscore = weight * (dweights[${scoreAt(tile, i, f)}] - of_row_${i}.y);
            ${hasMapGradient ? `dscore += dmap_${i}_${f};` : ''}
            ${isRead ? inOwnBlock(context, `if (is_row_${i}) { store_dscores(${ownAt(i, f)}, dscore); }`) : ''}
            halves[${weightAt(tile, areas.dScores, i, f)}] = halves_of(dscore);
          }`,
        )}
        workgroupBarrier();
        ${accumulate(tile, columns, { sum: 'sum', weights: areas.dScores, heads: areas.keys })}
        workgroupBarrier();`;
    };
    return {
      name: 'attentionQueryGradientByUnits',
      directives: DIRECTIVES,
      inputs: [
        ...heads.map((name) => headsBuffer(name, width)),
        ...keyInputs(context, width),
        'statistics: array<vec2f>',
        ...biasInputs(bias),
        ...maps.map((name) => mapBuffer(name, inVectors)),
      ],
      outputs: [headsBuffer('dquery', width), ...(isRead ? [mapBuffer('dscores', inVectors)] : [])],
      params: KEY_WALK_PARAMS,
      body: /* wgsl */ `
        ${tileConstants(tile)}
        ${halvesArray(areas.size)}
        ${scoresArray('scores', tile)}
        ${scoresArray('dweights', tile)}
        ${heads.map((name) => loadFunction(name, width)).join('\n')}
        ${keyFunctions(context, width)}
        ${biasFunctions(bias)}
        ${maps.map((name) => mapLoad(name, inVectors)).join('\n')}
        ${storeFunction('dquery', width)}
        ${isRead ? mapStore('dscores', inVectors) : ''}

        @compute @workgroup_size(${lanesOf(tile)})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          ${lanePlace(tile, 'params.rows')}
          ${makesScores ? loadRows(tile, 'query', 'queries') : ''}
          ${loadRows(tile, 'dy', 'dys')}
          ${queryRows(tile, bias)}
          ${rows((i) => `let of_row_${i} = statistics[query_${i}];`)}
          ${sums(tile, 'sum')}
          ${walkKeys(tile, context, differentiate)}
          ${writeSums(tile, {
            name: 'sum',
            count: 'rows_there',
            store: (i, e, value) => `store_dquery(query_${i}, ${e}, ${value} * SCALE);`,
          })}
        }`,
    };
  },
);

/** The tile of the gradient of queries on matrix units; undefined where it is one for plain kernels. */
export function queryGradientTile(blocks: AttentionBlocks, unit: MatrixUnit): MatrixTile | undefined {
  const sizes = blockSizes(blocks);
  return chooseMatrixTile(unit, { ...sizes, columns: sizes.keys }, queryGradientBytes);
}

/**
 * As `queryGradientWebGPU`, and with a map as `carriedQueryGradientWebGPU` in its form of scores, with matrix units: heads, dy and
 * dscores are rounded to half precision on their way into products; the dscores that are returned are float32.
 */
export function queryGradientByUnits(
  blocks: AttentionBlocks,
  tile: MatrixTile,
  { dy, statistics, map, dmap }: BackwardRows & { readonly map?: Tensor; readonly dmap?: Tensor },
): [dQuery: Tensor, dScores?: Tensor] {
  const { query, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const own = map === undefined ? 'plain' : 'scores';
  const others = [statistics, visibility?.bias, map, dmap].filter((tensor) => tensor !== undefined);
  return tidy(() => {
    const outputs = [{ shape: query.shape }, ...(map === undefined ? [] : [{ shape: map.shape }])];
    const { context, tensors, params } = bindKeys(blocks, 2 + others.length + outputs.length);
    const program = queryGradientProgram(
      context,
      biasRead(visibility, sizes),
      own,
      dmap !== undefined,
      own === 'scores' && fallsInVectors(sizes.queries, 0),
      ...keyOfTile(tile),
    );
    const heads = own === 'scores' && context === 'none' ? [dy] : [query, dy]; // with a map there, no scores are made
    return runProgram(program, {
      inputs: [...heads, ...tensors, ...others],
      outputs,
      params,
      workgroups: [Math.ceil(sizes.rows / rowsOf(tile)), 1, sizes.batches],
    });
  }) as [Tensor, Tensor?];
}
