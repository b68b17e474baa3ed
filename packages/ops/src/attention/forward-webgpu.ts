import { programs, runProgram } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, keyBuffers, type AttentionBlocks, type BlockSizes } from './blocks.ts';
import { BLIND, NOTHING } from './blind-rows.ts';
import {
  blockLoad,
  fallsInVectors,
  headsBuffer,
  loadFunction,
  mapBuffer,
  mapLoad,
  mapStore,
  storeFunction,
} from './buffers.ts';
import {
  forwardBindings,
  forwardOutputs,
  forwardResult,
  partsOf,
  type ForwardResult,
  type OwnMap,
} from './parts-webgpu.ts';
import { accumulate, products, stage, stagedArray, storeRows, sums, tileConstants, weightsArray } from './tile-wgsl.ts';
import { each } from '../kernel/unrolled.ts';
import { chooseTile, columnsOf, rowsOf, type Tile } from './tile.ts';

const forwardProgram = programs(
  (
    width: number,
    lanesX: number,
    rowsEach: number,
    hasContext: boolean,
    hasBias: boolean,
    isBlindZero: boolean,
    map: OwnMap,
    inVectors: boolean,
  ) => {
    const tile: Tile = { width, lanesX, rowsEach };
    const rows = (piece: (i: number) => string): string => each(rowsEach, piece);
    const buffers = ['query', 'key', 'value', ...(hasContext ? ['context_key', 'context_value'] : [])];
    const ownScores = (i: number): string => /* wgsl */ `
      let own_${i} = query_${i} * params.queries + column - params.context;
      let is_own_${i} = is_own & vec4<bool>(row_${i} < params.rows);
      ${map === 'carried' ? `s_${i} += gate[query_${i} / params.queries] * load_previous(own_${i}, is_own_${i});` : ''}
      store_map(own_${i}, is_own_${i}, s_${i});`;
    return {
      name: 'attention',
      inputs: [
        ...buffers.map((name) => headsBuffer(name, width)),
        ...(hasBias ? ['bias: array<f32>'] : []),
        ...(map === 'carried' ? [mapBuffer('previous', inVectors), 'gate: array<f32>'] : []),
      ],
      outputs: [
        headsBuffer('output', width),
        'log_sum_exp: array<f32>',
        ...(map === 'none' ? [] : [mapBuffer('map', inVectors)]),
      ],
      params: [
        'rows: u32',
        'queries: u32',
        'context: u32',
        'own_pitch: u32',
        'keys: u32',
        'groups: u32',
        'bias_rows: u32',
        'keys_each: u32',
        'all_rows: u32',
      ],
      body: /* wgsl */ `
        ${tileConstants(tile)}
        ${stagedArray('staged', tile)}
        ${weightsArray('weights', tile)}
        var<workgroup> row_parts: array<f32, ROWS * LANES_X>;
        ${buffers.map((name) => loadFunction(name, width)).join('\n')}
        ${blockLoad('key', hasContext)}
        ${blockLoad('value', hasContext)}
        ${storeFunction('output', width)}
        ${map === 'none' ? '' : mapStore('map', inVectors)}
        ${map === 'carried' ? mapLoad('previous', inVectors) : ''}

        @compute @workgroup_size(128)
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          let x = lane % LANES_X;
          let y = lane / LANES_X;
          let batch = group.z; // of one key/value head: its query heads' rows lie one after another
          let first_row = batch * params.rows;
          ${rows((i) => `let row_${i} = group.x * ROWS + y + ${i}u * LANES_Y;`)}
          ${rows((i) => `let query_${i} = first_row + min(row_${i}, params.rows - 1u);`)}
          ${hasBias ? rows((i) => `let bias_${i} = (batch / params.groups * params.bias_rows + row_${i} % params.queries % params.bias_rows) * params.keys;`) : ''}
          ${rows((i) => `var top_${i} = HIDDEN; var total_${i} = 0.0;`)}
          ${sums(tile, 'sum')}
          let last_key = min(params.keys, (group.y + 1u) * params.keys_each);
          for (var start = group.y * params.keys_each; start < last_key; start += COLUMNS) {
            ${stage([{ to: 'staged', load: 'load_block_key(batch, start + column, e)' }], 'last_key - start')}
            workgroupBarrier();
            ${products(tile, [{ name: 's', row: (i) => `load_query(query_${i}, e)`, staged: 'staged' }])}
            let column = start + 4u * x;
            let columns = vec4u(column, column + 1u, column + 2u, column + 3u);
            let is_key = columns < vec4u(last_key);
            ${map === 'none' ? '' : 'let is_own = is_key & (columns >= vec4u(params.context));'}
            ${rows(
              (i) => `
                s_${i} *= SCALE;
                ${map === 'none' ? '' : ownScores(i)}
                ${hasBias ? `s_${i} += vec4f(bias[bias_${i} + column], bias[bias_${i} + column + 1u], bias[bias_${i} + column + 2u], bias[bias_${i} + column + 3u]);` : ''}
                s_${i} = select(vec4f(HIDDEN), s_${i}, is_key);
                row_parts[(y + ${i}u * LANES_Y) * LANES_X + x] = max(max(s_${i}.x, s_${i}.y), max(s_${i}.z, s_${i}.w));`,
            )}
            workgroupBarrier(); // all maxima are there, and the keys are done with
            ${stage([{ to: 'staged', load: 'load_block_value(batch, start + column, e)' }], 'last_key - start')}
            ${rows(
              (i) => `{
                let at = (y + ${i}u * LANES_Y) * LANES_X;
                var top = top_${i};
                for (var part = 0u; part < LANES_X; part++) { top = max(top, row_parts[at + part]); }
                let shrink = exp(top_${i} - top);
                top_${i} = top;
                let weight = exp(s_${i} - top);
                total_${i} = total_${i} * shrink + (weight.x + weight.y + weight.z + weight.w);
                ${each(Math.ceil(Math.ceil(width / 4) / lanesX), (f) => `sum_${i}_${f} *= shrink;`)}
                weights[weight_at(y + ${i}u * LANES_Y, x)] = weight;
              }`,
            )}
            workgroupBarrier();
            ${accumulate(tile, [{ name: 'sum', weights: 'weights', staged: 'staged' }])}
            workgroupBarrier();
          }
          ${rows((i) => `row_parts[(y + ${i}u * LANES_Y) * LANES_X + x] = total_${i};`)}
          workgroupBarrier();
          ${rows(
            (i) => `
              total_${i} = 0.0;
              for (var part = 0u; part < LANES_X; part++) { total_${i} += row_parts[(y + ${i}u * LANES_Y) * LANES_X + part]; }
              var scale_${i} = 1.0 / total_${i};
              var log_${i} = top_${i} + log(total_${i});
              ${isBlindZero ? `if (top_${i} < ${BLIND}) { scale_${i} = 0.0; log_${i} = ${NOTHING}; }` : ''}
              let to_${i} = group.y * params.all_rows + first_row + row_${i};
              if (x == 0u && row_${i} < params.rows) { log_sum_exp[to_${i}] = log_${i}; }`,
          )}
          ${storeRows(tile, { count: 'params.rows', store: (i, f) => `store_output(to_${i}, x + ${f}u * LANES_X, sum_${i}_${f} * scale_${i});` })}
        }`,
    };
  },
);

/** The tile of a forward pass; undefined for heads that are too wide for the device. */
export function forwardTile({ width, rows, batches }: BlockSizes): Tile | undefined {
  return chooseTile({ width, rows, batches, staged: 1, weights: 1, sums: 1 });
}

/**
 * softmax(query keys^T / sqrt(E) + bias) values, without ever holding the scores: tiles of keys go through workgroup
 * memory, and each row keeps the maximum and the total so far.
 *
 * @param residual asks for the own block's scores, to which it adds a gated map if it has one
 * @see Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135
 */
export function attentionWebGPU(
  blocks: AttentionBlocks,
  residual?: { readonly previous?: Tensor; readonly gate?: Tensor },
): ForwardResult {
  const { query } = blocks;
  const sizes = blockSizes(blocks);
  const { batches, groups, rows, queries, contextTokens, keys, width } = sizes;
  const tile = forwardTile(sizes)!;
  const { parts, keysEach } = partsOf(sizes, { rows: rowsOf(tile), columns: columnsOf(tile) });
  const { map, bias, carried, isBlindZero, others } = forwardBindings(blocks, residual);
  const inVectors = map !== 'none' && fallsInVectors(queries, contextTokens);
  const pass = (): Tensor[] => {
    const { tensors, hasContext, ownPitch } = keyBuffers(blocks, others);
    return runProgram(
      forwardProgram(
        width,
        tile.lanesX,
        tile.rowsEach,
        hasContext,
        bias.length > 0,
        isBlindZero && parts === 1,
        map,
        inVectors,
      ),
      {
        inputs: [query, ...tensors, ...bias, ...carried],
        outputs: forwardOutputs(blocks, parts, map),
        params: [
          rows,
          queries,
          contextTokens,
          ownPitch,
          keys,
          groups,
          blocks.visibility?.bias.shape[2] ?? 1,
          keysEach,
          batches * rows,
        ],
        workgroups: [Math.ceil(rows / rowsOf(tile)), parts, batches],
      },
    );
  };
  return forwardResult(pass, parts, isBlindZero);
}
