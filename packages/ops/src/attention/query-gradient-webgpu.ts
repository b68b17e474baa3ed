import { programs, runProgram, spread, type OutputSpec } from '@latte-flow/runtime';
import { tidy, type Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, keyBuffers, type AttentionBlocks, type BlockSizes } from './blocks.ts';
import { blockLoad } from './forward-webgpu.ts';
import {
  accumulate,
  chooseTile,
  each,
  headsBuffer,
  loadFunction,
  products,
  rowsOf,
  stage,
  stagedArray,
  storeFunction,
  storeRows,
  sums,
  tileConstants,
  weightsArray,
  type Tile,
} from './tile.ts';

/** What the backward pass of a kernel reads beside the inputs. */
export interface BackwardRows {
  /** [B, H, N, E]: the gradient of the output. */
  readonly dy: Tensor;
  /** [B, H, N, 2]: each row's log-sum-exp, and delta = sum over its keys of weight dweight. */
  readonly statistics: Tensor;
}

const statisticsProgram = programs(() => ({
  name: 'attentionStatistics',
  inputs: ['dy: array<f32>', 'output: array<f32>', 'log_sum_exp: array<f32>'],
  outputs: ['statistics: array<vec2f>'],
  params: ['rows: u32', 'width: u32'],
  body: /* wgsl */ `
    var<workgroup> parts: array<f32, 128>;
    @compute @workgroup_size(128)
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let row = 16u * (group.x + group.y * groups.x) + lane / 8u;
      var sum = 0.0;
      if (row < params.rows) {
        for (var e = lane % 8u; e < params.width; e += 8u) { sum += dy[row * params.width + e] * output[row * params.width + e]; }
      }
      parts[lane] = sum;
      workgroupBarrier();
      if (lane % 8u == 0u && row < params.rows) {
        var delta = 0.0;
        for (var i = 0u; i < 8u; i++) { delta += parts[lane + i]; }
        statistics[row] = vec2f(log_sum_exp[row], delta);
      }
    }`,
}));

/** [B, H, N, 2]: log-sum-exp and delta = sum(dy output), which is that of weights and their gradients. */
export function rowStatistics(dy: Tensor, output: Tensor, logSumExp: Tensor): Tensor {
  const width = output.shape[3]!;
  const rows = output.size / width;
  const [statistics] = runProgram(statisticsProgram(), {
    inputs: [dy, output, logSumExp],
    outputs: [{ shape: [...logSumExp.shape, 2] }],
    params: [rows, width],
    workgroups: spread(Math.ceil(rows / 16)),
  });
  return statistics!;
}

const queryGradientProgram = programs(
  (width: number, lanesX: number, rowsEach: number, hasContext: boolean, hasBias: boolean) => {
    const tile: Tile = { width, lanesX, rowsEach };
    const rows = (piece: (i: number) => string): string => each(rowsEach, piece);
    const buffers = ['query', 'dy', 'key', 'value', ...(hasContext ? ['context_key', 'context_value'] : [])];
    const components = ['x', 'y', 'z', 'w'] as const;
    return {
      name: 'attentionQueryGradient',
      inputs: [
        ...buffers.map((name) => headsBuffer(name, width)),
        'statistics: array<vec2f>',
        ...(hasBias ? ['bias: array<f32>'] : []),
      ],
      outputs: [headsBuffer('dquery', width)],
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
        ${weightsArray('weights', tile)}
        ${buffers.map((name) => loadFunction(name, width)).join('\n')}
        ${blockLoad('key', hasContext)}
        ${blockLoad('value', hasContext)}
        ${storeFunction('dquery', width)}

        @compute @workgroup_size(128)
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          let x = lane % LANES_X;
          let y = lane / LANES_X;
          let batch = group.z;
          let first_row = batch * params.rows;
          ${rows((i) => `let row_${i} = group.x * ROWS + y + ${i}u * LANES_Y;`)}
          ${rows((i) => `let query_${i} = first_row + min(row_${i}, params.rows - 1u);`)}
          ${rows((i) => `let of_row_${i} = statistics[query_${i}];`)}
          ${hasBias ? rows((i) => `let bias_${i} = (batch / params.groups * params.bias_rows + row_${i} % params.queries % params.bias_rows) * params.keys;`) : ''}
          ${sums(tile, 'sum')}
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
            ${rows(
              (i) => `{
                s_${i} *= SCALE;
                ${components.map((k, c) => `s_${i}.${k} = select(HIDDEN, s_${i}.${k}${hasBias ? ` + bias[bias_${i} + column + ${c}u]` : ''}, column + ${c}u < params.keys);`).join('\n')}
                let weight = exp(s_${i} - of_row_${i}.x);
                weights[weight_at(y + ${i}u * LANES_Y, x)] = weight * (dw_${i} - of_row_${i}.y);
              }`,
            )}
            workgroupBarrier();
            ${accumulate(tile, [{ name: 'sum', weights: 'weights', staged: 'staged_keys' }])}
            workgroupBarrier();
          }
          ${storeRows(tile, { count: 'params.rows', store: (i, f) => `store_dquery(query_${i}, x + ${f}u * LANES_X, sum_${i}_${f} * SCALE);` })}
        }`,
    };
  },
);

export function queryGradientTile({ width, rows, batches }: BlockSizes): Tile | undefined {
  return chooseTile({ width, rows, batches, staged: 2, weights: 1, sums: 1 });
}

/** dquery [B, H, N, E] = dscores keys / sqrt(E), dscores = weight (dy value^T - delta), from keys tile by tile. */
export function queryGradientWebGPU(blocks: AttentionBlocks, { dy, statistics }: BackwardRows): Tensor {
  const { query, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const tile = queryGradientTile(sizes)!;
  const bias = visibility === undefined ? [] : [visibility.bias];
  return tidy(() => {
    const { tensors, hasContext, ownPitch } = keyBuffers(blocks, 4 + bias.length);
    const outputs: OutputSpec[] = [{ shape: query.shape }];
    const [dQuery] = runProgram(
      queryGradientProgram(sizes.width, tile.lanesX, tile.rowsEach, hasContext, bias.length > 0),
      {
        inputs: [query, dy, ...tensors, statistics, ...bias],
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
      },
    );
    return dQuery!;
  });
}
