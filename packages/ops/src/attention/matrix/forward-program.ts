import { programs } from '@latte-flow/runtime';

import { BLIND, NOTHING } from '../blind-rows.ts';
import { headsBuffer, loadFunction, mapBuffer, mapLoad, mapStore, storeFunction } from '../buffers.ts';
import type { OwnMap } from '../parts-webgpu.ts';
import { biasFunctions, biasInputs, type BiasRead } from './bias.ts';
import {
  inOwnBlock,
  KEY_WALK_PARAMS,
  keyFunctions,
  keyInputs,
  queryRows,
  stageKeys,
  walkKeys,
  type ContextPlace,
} from './key-walk.ts';
import {
  columnAt,
  eachRow,
  eachVector,
  isThere,
  lanePlace,
  scoreAt,
  sharedByRow,
  weightAt,
  type Piece,
} from './lanes.ts';
import { accumulate, DIRECTIVES, multiplyHeads, scoresArray, sums, throughScores, writeSums } from './products.ts';
import { halvesArray, loadRows, tileConstants } from './stage.ts';
import {
  bytesOf,
  lanesOf,
  rowsOf,
  scoresSize,
  stagedSize,
  tileOfKey,
  weightsSize,
  type MatrixTile,
  type TileKey,
} from './tile.ts';

/**
 * How far above the maximum that a row's weights refer to a score may rise before its sums are scaled anew: e^8 is far from the
 * largest half, and as halves keep their relative precision nothing is lost. Sums thus nearly always stay in the units'
 * registers, whose layout no lane knows.
 */
const SLACK = 8;

/** Elements of halves: keys, in whose place come weights, then values; at first the queries. */
function areasOf(tile: MatrixTile): { readonly keys: 0; readonly weights: 0; readonly values: number; size: number } {
  const values = Math.max(stagedSize(tile, tile.columns), weightsSize(tile));
  const size = Math.max(values + stagedSize(tile, tile.columns), stagedSize(tile, rowsOf(tile)));
  return { keys: 0, weights: 0, values, size };
}

export const forwardBytes = (tile: MatrixTile): number =>
  bytesOf({ halves: areasOf(tile).size, scores: scoresSize(tile), other: 16 });

export const forwardProgram = programs(
  (
    ...[context, bias, isBlindZero, map, inVectors, ...key]: readonly [
      ContextPlace,
      BiasRead,
      boolean,
      OwnMap,
      boolean,
      ...TileKey,
    ]
  ) => {
    const tile = tileOfKey(key);
    const { width } = tile;
    const areas = areasOf(tile);
    const rows = (piece: (i: number) => string): string => eachRow(tile, piece);
    const attend = (piece: Piece): string => {
      const { columns, count } = piece;
      const vectors = (piece: (f: number) => string): string => eachVector(tile, columns, piece);
      const isKey = (f: number): string => isThere(tile, piece, f);
      const ownAt = (i: number, f: number): string => `query_${i} * params.queries + start + ${columnAt(tile, f)}`;
      return /* wgsl */ `
        if (lane == 0u) { atomicStore(&is_risen, 0u); }
        ${stageKeys(tile, context, piece, areas)}
        ${
          map === 'carried' // on its way while the units multiply
            ? rows((i) => vectors((f) => `var carried_${i}_${f} = vec4f();`)) +
              inOwnBlock(
                context,
                rows((i) => vectors((f) => `carried_${i}_${f} = load_previous(${ownAt(i, f)}, ${isKey(f)});`)),
              )
            : ''
        }
        workgroupBarrier();
        ${multiplyHeads(tile, columns, { rows: 'queries', area: areas.keys, into: 'scores' })}
        workgroupBarrier(); // all scores are there, and the keys are done with
        ${rows((i) =>
          vectors(
            (f) => `
              var s_${i}_${f} = scores[${scoreAt(tile, i, f)}] * SCALE;
              ${map === 'carried' ? `s_${i}_${f} += gate_${i} * carried_${i}_${f};` : ''}`,
          ),
        )}
        ${
          map === 'none'
            ? ''
            : inOwnBlock(
                context,
                rows(
                  (i) =>
                    `if (is_row_${i}) { ${vectors((f) => `store_map(${ownAt(i, f)}, ${isKey(f)}, s_${i}_${f});`)} }`,
                ),
              )
        }
        ${rows(
          (i) => `
            var high_${i} = HIDDEN;
            ${vectors(
              (f) => `
                ${bias === 'none' ? '' : `s_${i}_${f} += load_bias(bias_${i} + bias_start + ${columnAt(tile, f)}, ${isKey(f)});`}
                ${count === undefined ? '' : `s_${i}_${f} = select(vec4f(HIDDEN), s_${i}_${f}, ${isKey(f)});`}
                high_${i} = max(high_${i}, max(max(s_${i}_${f}.x, s_${i}_${f}.y), max(s_${i}_${f}.z, s_${i}_${f}.w)));`,
            )}
            ${sharedByRow(tile, `high_${i}`, (a, b) => `max(${a}, ${b})`)}
            let rises_${i} = high_${i} > top_${i} + ${SLACK}.0;
            if (rises_${i} && top_${i} > HIDDEN) { atomicStore(&is_risen, 1u); }
            let next_${i} = select(top_${i}, high_${i}, rises_${i});
            let shrink_${i} = exp(top_${i} - next_${i});
            top_${i} = next_${i};
            total_${i} *= shrink_${i};
            ${vectors(
              (f) => `{
                let weight = halves_of(exp(s_${i}_${f} - next_${i}));
                total_${i} += dot(values_of(weight), vec4f(1.0)); // of what the units will multiply
                halves[${weightAt(tile, areas.weights, i, f)}] = weight;
              }`,
            )}`,
        )}
        if (workgroupUniformLoad(&is_risen) != 0u) {
          ${throughScores(tile, {
            name: 'sum',
            use: ({ channels }) =>
              rows((i) => eachVector(tile, channels, (f) => `scores[${scoreAt(tile, i, f)}] *= shrink_${i};`)),
            isLoadedBack: true,
          })}
        }
        ${accumulate(tile, columns, { sum: 'sum', weights: areas.weights, heads: areas.values })}
        workgroupBarrier();`;
    };
    return {
      name: 'attentionByUnits',
      directives: DIRECTIVES,
      inputs: [
        headsBuffer('query', width),
        ...keyInputs(context, width),
        ...biasInputs(bias),
        ...(map === 'carried' ? [mapBuffer('previous', inVectors), 'gate: array<f32>'] : []),
      ],
      outputs: [
        headsBuffer('output', width),
        'log_sum_exp: array<f32>',
        ...(map === 'none' ? [] : [mapBuffer('map', inVectors)]),
      ],
      params: KEY_WALK_PARAMS,
      body: /* wgsl */ `
        ${tileConstants(tile)}
        fn values_of(four: vec2u) -> vec4f { return vec4f(bitcast<vec4<f16>>(four)); }
        ${halvesArray(areas.size)}
        ${scoresArray('scores', tile)}
        var<workgroup> is_risen: atomic<u32>;
        ${loadFunction('query', width)}
        ${keyFunctions(context, width)}
        ${biasFunctions(bias)}
        ${storeFunction('output', width)}
        ${map === 'none' ? '' : mapStore('map', inVectors)}
        ${map === 'carried' ? mapLoad('previous', inVectors) : ''}

        @compute @workgroup_size(${lanesOf(tile)})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          ${lanePlace(tile, 'params.rows')}
          ${loadRows(tile, 'query', 'queries')}
          ${queryRows(tile, bias)}
          ${rows(
            (i) => `
              ${map === 'carried' ? `let gate_${i} = gate[query_${i} / params.queries];` : ''}
              var top_${i} = HIDDEN;
              var total_${i} = 0.0;`,
          )}
          ${sums(tile, 'sum')}
          ${walkKeys(tile, context, attend)}
          ${rows(
            (i) => `
              ${sharedByRow(tile, `total_${i}`, (a, b) => `${a} + ${b}`)}
              var scale_${i} = 1.0 / total_${i};
              var log_${i} = top_${i} + log(total_${i});
              ${isBlindZero ? `if (top_${i} < ${BLIND}) { scale_${i} = 0.0; log_${i} = ${NOTHING}; }` : ''}
              let to_${i} = group.y * params.all_rows + query_${i};
              if (x == 0u && is_row_${i}) { log_sum_exp[to_${i}] = log_${i}; }`,
          )}
          ${writeSums(tile, {
            name: 'sum',
            count: 'rows_there',
            store: (i, e, value) => `store_output(to_${i}, ${e}, ${value} * scale_${i});`,
          })}
        }`,
    };
  },
);
