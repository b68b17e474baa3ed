import { programs, runProgram, type OutputSpec } from '@latte-flow/runtime';
import { tidy, type Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, keyBuffers, type AttentionBlocks, type BlockSizes } from './blocks.ts';
import type { ResidualForm } from './inputs.ts';
import { BLIND_LOG } from './blind-rows.ts';
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
import { accumulate, products, stage, stagedArray, storeRows, sums, tileConstants, weightsArray } from './tile-wgsl.ts';
import { each } from '../kernel/unrolled.ts';
import { chooseTile, rowsOf, type Tile } from './tile.ts';
import type { BackwardRows } from './row-statistics-webgpu.ts';

/**
 * What the own block adds. `plain`: nothing. `scores`: its scores are read from the carried map, and the gradients of all
 * are written. `probabilities`: the map adds to the weights; `delta` is the pass before, which makes their gradients and
 * each row's delta.
 */
type OwnBlock = 'plain' | 'scores' | 'probabilities' | 'delta';

const queryGradientProgram = programs(
  (
    width: number,
    lanesX: number,
    rowsEach: number,
    hasContext: boolean,
    hasBias: boolean,
    own: OwnBlock,
    hasMapGradient: boolean,
    inVectors: boolean,
  ) => {
    const tile: Tile = { width, lanesX, rowsEach };
    const rows = (piece: (i: number) => string): string => each(rowsEach, piece);
    const buffers = ['query', 'dy', 'key', 'value', ...(hasContext ? ['context_key', 'context_value'] : [])];
    const addsToWeights = own === 'probabilities' || own === 'delta';
    const isDelta = own === 'delta';
    return {
      name: isDelta ? 'attentionWeightGradient' : 'attentionQueryGradient',
      inputs: [
        ...buffers.map((name) => headsBuffer(name, width)),
        isDelta ? 'log_sum_exp: array<f32>' : 'statistics: array<vec2f>',
        ...(hasBias ? ['bias: array<f32>'] : []),
        ...(own === 'scores' ? [mapBuffer('map', inVectors)] : []),
        ...(hasMapGradient ? [mapBuffer('dmap', inVectors)] : []),
      ],
      outputs: isDelta
        ? [mapBuffer('dweights', inVectors), 'statistics: array<vec2f>']
        : [headsBuffer('dquery', width), ...(own === 'plain' ? [] : [mapBuffer('dscores', inVectors)])],
      params: [
        'rows: u32',
        'queries: u32',
        'context: u32',
        'own_pitch: u32',
        'keys: u32',
        'groups: u32',
        'bias_rows: u32',
      ],
      body: /* wgsl */ `
        ${tileConstants(tile)}
        ${stagedArray('staged_keys', tile)}
        ${stagedArray('staged_values', tile)}
        ${isDelta ? 'var<workgroup> row_parts: array<f32, ROWS * LANES_X>;' : weightsArray('weights', tile)}
        ${buffers.map((name) => loadFunction(name, width)).join('\n')}
        ${blockLoad('key', hasContext)}
        ${blockLoad('value', hasContext)}
        ${isDelta ? '' : storeFunction('dquery', width)}
        ${own === 'scores' ? mapLoad('map', inVectors) : ''}
        ${hasMapGradient ? mapLoad('dmap', inVectors) : ''}
        ${own === 'plain' ? '' : mapStore(isDelta ? 'dweights' : 'dscores', inVectors)}

        @compute @workgroup_size(128)
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          let x = lane % LANES_X;
          let y = lane / LANES_X;
          let batch = group.z;
          let first_row = batch * params.rows;
          ${rows((i) => `let row_${i} = group.x * ROWS + y + ${i}u * LANES_Y;`)}
          ${rows((i) => `let query_${i} = first_row + min(row_${i}, params.rows - 1u);`)}
          ${rows((i) => `let of_row_${i} = ${isDelta ? `vec2f(log_sum_exp[query_${i}], 0.0)` : `statistics[query_${i}]`};`)}
          ${hasBias ? rows((i) => `let bias_${i} = (batch / params.groups * params.bias_rows + row_${i} % params.queries % params.bias_rows) * params.keys;`) : ''}
          ${isDelta ? rows((i) => `var delta_${i} = 0.0;`) : sums(tile, 'sum')}
          for (var start = 0u; start < params.keys; start += COLUMNS) {
            ${stage(
              [
                { to: 'staged_keys', load: 'load_block_key(batch, start + column, e)' },
                { to: 'staged_values', load: 'load_block_value(batch, start + column, e)' },
              ],
              'params.keys - start',
            )}
            workgroupBarrier();
            ${products(tile, [
              { name: 's', row: (i) => `load_query(query_${i}, e)`, staged: 'staged_keys' },
              { name: 'dw', row: (i) => `load_dy(query_${i}, e)`, staged: 'staged_values' },
            ])}
            let column = start + 4u * x;
            let columns = vec4u(column, column + 1u, column + 2u, column + 3u);
            let is_key = columns < vec4u(params.keys);
            ${own === 'plain' ? '' : 'let is_own = is_key & (columns >= vec4u(params.context));'}
            ${rows(
              (i) => `
                s_${i} *= SCALE;
                ${
                  own === 'plain'
                    ? ''
                    : `let is_own_${i} = is_own & vec4<bool>(row_${i} < params.rows);
                       let own_${i} = query_${i} * params.queries + column - params.context;`
                }
                ${own === 'scores' ? `s_${i} = select(s_${i}, load_map(own_${i}, is_own_${i}), is_own_${i});` : ''}
                ${hasBias ? `s_${i} += vec4f(bias[bias_${i} + column], bias[bias_${i} + column + 1u], bias[bias_${i} + column + 2u], bias[bias_${i} + column + 3u]);` : ''}
                let weight_${i} = exp(select(vec4f(HIDDEN), s_${i} - of_row_${i}.x, is_key));
                ${addsToWeights ? `if (of_row_${i}.x > ${BLIND_LOG}) { dw_${i} = vec4f(); }` : ''}
                ${addsToWeights && hasMapGradient ? `dw_${i} += load_dmap(own_${i}, is_own_${i});` : ''}
                ${
                  isDelta
                    ? `delta_${i} += dot(weight_${i}, dw_${i});
                       store_dweights(own_${i}, is_own_${i}, dw_${i});`
                    : `var dscore_${i} = weight_${i} * (dw_${i} - of_row_${i}.y);
                       ${own === 'scores' && hasMapGradient ? `dscore_${i} += load_dmap(own_${i}, is_own_${i});` : ''}
                       ${own === 'plain' ? '' : `store_dscores(own_${i}, is_own_${i}, dscore_${i});`}
                       weights[weight_at(y + ${i}u * LANES_Y, x)] = dscore_${i};`
                }`,
            )}
            workgroupBarrier();
            ${isDelta ? '' : accumulate(tile, [{ name: 'sum', weights: 'weights', staged: 'staged_keys' }])}
            ${isDelta ? '' : 'workgroupBarrier();'}
          }
          ${
            isDelta
              ? `
            ${rows((i) => `row_parts[(y + ${i}u * LANES_Y) * LANES_X + x] = delta_${i};`)}
            workgroupBarrier();
            ${rows(
              (i) => `if (x == 0u && row_${i} < params.rows) {
                var delta = 0.0;
                for (var part = 0u; part < LANES_X; part++) { delta += row_parts[(y + ${i}u * LANES_Y) * LANES_X + part]; }
                statistics[query_${i}] = vec2f(of_row_${i}.x, delta);
              }`,
            )}`
              : storeRows(tile, {
                  count: 'params.rows',
                  store: (i, f) => `store_dquery(query_${i}, x + ${f}u * LANES_X, sum_${i}_${f} * SCALE);`,
                })
          }
        }`,
    };
  },
);

export function queryGradientTile({ width, rows, batches }: BlockSizes): Tile | undefined {
  return chooseTile({ width, rows, batches, staged: 2, weights: 1, sums: 1 });
}

interface RowPass {
  readonly own: OwnBlock;
  readonly dy: Tensor;
  /** Log-sum-exp for `delta`, else the statistics. */
  readonly ofRows: Tensor;
  readonly map?: Tensor;
  readonly dmap?: Tensor;
  readonly outputs: readonly OutputSpec[];
}

function runRowPass(blocks: AttentionBlocks, { own, dy, ofRows, map, dmap, outputs }: RowPass): Tensor[] {
  const { query, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const tile = queryGradientTile(sizes)!;
  const others = [ofRows, visibility?.bias, map, dmap].filter((tensor) => tensor !== undefined);
  return tidy(() => {
    const { tensors, hasContext, ownPitch } = keyBuffers(blocks, 2 + others.length + outputs.length);
    const program = queryGradientProgram(
      sizes.width,
      tile.lanesX,
      tile.rowsEach,
      hasContext,
      visibility !== undefined,
      own,
      dmap !== undefined,
      own !== 'plain' && fallsInVectors(sizes.queries, sizes.contextTokens),
    );
    return runProgram(program, {
      inputs: [query, dy, ...tensors, ...others],
      outputs,
      params: [
        sizes.rows,
        sizes.queries,
        sizes.contextTokens,
        ownPitch,
        sizes.keys,
        sizes.groups,
        visibility?.bias.shape[2] ?? 1,
      ],
      workgroups: [Math.ceil(sizes.rows / rowsOf(tile)), 1, sizes.batches],
    });
  });
}

/** dquery [B, H, N, E] = dscores keys / sqrt(E), dscores = weight (dy value^T - delta), from keys tile by tile. */
export function queryGradientWebGPU(blocks: AttentionBlocks, { dy, statistics }: BackwardRows): Tensor {
  const outputs = [{ shape: blocks.query.shape }];
  return runRowPass(blocks, { own: 'plain', dy, ofRows: statistics, outputs })[0]!;
}

const mapShape = ({ query }: AttentionBlocks): number[] => [...query.shape.slice(0, 3), query.shape[2]!];

/** The same beside a carried map; also dscores [B, H, N, N] of the own block, with what comes in through the map. */
export function carriedQueryGradientWebGPU(
  blocks: AttentionBlocks,
  { dy, statistics }: BackwardRows,
  { form, map, dmap }: { readonly form: ResidualForm; readonly map: Tensor; readonly dmap?: Tensor },
): [dQuery: Tensor, dScores: Tensor] {
  const [dQuery, dScores] = runRowPass(blocks, {
    own: form,
    dy,
    ofRows: statistics,
    ...(form === 'scores' && { map }),
    dmap,
    outputs: [{ shape: blocks.query.shape }, { shape: mapShape(blocks) }],
  });
  return [dQuery!, dScores!];
}

/** Where a map was added to the weights: dweights [B, H, N, N] of the own block, and the statistics of all keys' rows. */
export function weightGradientWebGPU(
  blocks: AttentionBlocks,
  { dy, logSumExp, dmap }: { readonly dy: Tensor; readonly logSumExp: Tensor; readonly dmap?: Tensor },
): [dWeights: Tensor, statistics: Tensor] {
  const [dWeights, statistics] = runRowPass(blocks, {
    own: 'delta',
    dy,
    ofRows: logSumExp,
    dmap,
    outputs: [{ shape: mapShape(blocks) }, { shape: [...logSumExp.shape, 2] }],
  });
  return [dWeights!, statistics!];
}
