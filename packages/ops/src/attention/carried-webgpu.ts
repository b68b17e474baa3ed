import { programs, runProgram } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { workgroupSum } from '../kernel/workgroup-sum.ts';
import { blockSizes, type AttentionBlocks } from './blocks.ts';
import { BLIND_LOG } from './blind-rows.ts';
import { headsBuffer, loadFunction, storeFunction } from './buffers.ts';
import { forwardTile } from './forward-webgpu.ts';
import { accumulate, products, stage, stagedArray, storeRows, sums, tileConstants, weightsArray } from './tile-wgsl.ts';
import { each } from '../kernel/unrolled.ts';
import { columnsOf, rowsOf, type Tile } from './tile.ts';

/** A map that is added to the weights, [B, H, N, N], and how much of it each head adds, [B, H]. */
export interface CarriedMap {
  readonly previous: Tensor;
  readonly gate: Tensor;
}

const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

const mapProgram = programs((width: number, lanesX: number, rowsEach: number, hasBias: boolean, isCarried: boolean) => {
  const tile: Tile = { width, lanesX, rowsEach };
  const rows = (piece: (i: number) => string): string => each(rowsEach, piece);
  return {
    name: 'attentionMap',
    inputs: [
      headsBuffer('query', width),
      headsBuffer('key', width),
      'log_sum_exp: array<f32>',
      ...(hasBias ? ['bias: array<f32>'] : []),
      ...(isCarried ? ['previous: array<f32>', 'gate: array<f32>'] : []),
    ],
    outputs: ['map: array<f32>'],
    params: ['rows: u32', 'queries: u32', 'context: u32', 'keys: u32', 'groups: u32', 'bias_rows: u32'],
    body: /* wgsl */ `
        ${tileConstants(tile)}
        ${stagedArray('staged', tile)}
        ${loadFunction('query', width)}
        ${loadFunction('key', width)}

        @compute @workgroup_size(128)
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          let x = lane % LANES_X;
          let y = lane / LANES_X;
          let batch = group.z;
          let start = group.y * COLUMNS;
          ${rows((i) => `let row_${i} = group.x * ROWS + y + ${i}u * LANES_Y;`)}
          ${rows((i) => `let query_${i} = batch * params.rows + min(row_${i}, params.rows - 1u);`)}
          ${stage([{ to: 'staged', load: 'load_key(batch * params.queries + start + column, e)' }], 'params.queries - start')}
          workgroupBarrier();
          ${products(tile, [{ name: 's', row: (i) => `load_query(query_${i}, e)`, staged: 'staged' }])}
          ${rows(
            (i) => `if (row_${i} < params.rows) {
              let log = log_sum_exp[query_${i}];
              ${hasBias ? `let bias_row = (batch / params.groups * params.bias_rows + row_${i} % params.queries % params.bias_rows) * params.keys + params.context;` : ''}
              ${isCarried ? `let share = gate[query_${i} / params.queries];` : ''}
              ${COMPONENTS.map(
                (k, c) => `{
                  let column = start + 4u * x + ${c}u;
                  if (column < params.queries) {
                    let at = query_${i} * params.queries + column;
                    map[at] = exp(s_${i}.${k} * SCALE ${hasBias ? '+ bias[bias_row + column]' : ''} - log) ${isCarried ? '+ share * previous[at]' : ''};
                  }
                }`,
              ).join('\n')}
            }`,
          )}
        }`,
  };
});

/** The own block's weights, made from each row's log-sum-exp, plus the gated map if there is one: [B, H, N, N]. */
export function weightMapWebGPU(blocks: AttentionBlocks, logSumExp: Tensor, carried?: CarriedMap): Tensor {
  const { query, key, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const tile = forwardTile(sizes)!;
  const bias = visibility === undefined ? [] : [visibility.bias];
  const [map] = runProgram(
    mapProgram(sizes.width, tile.lanesX, tile.rowsEach, bias.length > 0, carried !== undefined),
    {
      inputs: [query, key, logSumExp, ...bias, ...(carried ? [carried.previous, carried.gate] : [])],
      outputs: [{ shape: [...query.shape.slice(0, 3), sizes.queries] }],
      params: [
        sizes.rows,
        sizes.queries,
        sizes.contextTokens,
        sizes.keys,
        sizes.groups,
        visibility?.bias.shape[2] ?? 1,
      ],
      workgroups: [Math.ceil(sizes.rows / rowsOf(tile)), Math.ceil(sizes.queries / columnsOf(tile)), sizes.batches],
    },
  );
  return map!;
}

const carriedValuesProgram = programs((width: number, lanesX: number, rowsEach: number) => {
  const tile: Tile = { width, lanesX, rowsEach };
  const rows = (piece: (i: number) => string): string => each(rowsEach, piece);
  return {
    name: 'attentionCarriedValues',
    inputs: [headsBuffer('value', width), 'previous: array<f32>', 'gate: array<f32>', 'log_sum_exp: array<f32>'],
    outputs: [headsBuffer('output', width)],
    params: ['rows: u32', 'queries: u32'],
    body: /* wgsl */ `
      ${tileConstants(tile)}
      ${stagedArray('staged', tile)}
      ${weightsArray('weights', tile)}
      ${loadFunction('value', width)}
      ${loadFunction('output', width)}
      ${storeFunction('output', width)}

      @compute @workgroup_size(128)
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
        let x = lane % LANES_X;
        let y = lane / LANES_X;
        let batch = group.z;
        ${rows((i) => `let row_${i} = group.x * ROWS + y + ${i}u * LANES_Y;`)}
        ${rows((i) => `let query_${i} = batch * params.rows + min(row_${i}, params.rows - 1u);`)}
        ${rows((i) => `let share_${i} = select(gate[query_${i} / params.queries], 0.0, log_sum_exp[query_${i}] > ${BLIND_LOG});`)}
        ${sums(tile, 'sum')}
        for (var start = 0u; start < params.queries; start += COLUMNS) {
          ${stage([{ to: 'staged', load: 'load_value(batch * params.queries + start + column, e)' }], 'params.queries - start')}
          ${rows(
            (i) => `{
              var weight = vec4f();
              for (var c = 0u; c < 4u; c++) {
                let column = start + 4u * x + c;
                if (column < params.queries) { weight[c] = share_${i} * previous[query_${i} * params.queries + column]; }
              }
              weights[weight_at(y + ${i}u * LANES_Y, x)] = weight;
            }`,
          )}
          workgroupBarrier();
          ${accumulate(tile, [{ name: 'sum', weights: 'weights', staged: 'staged' }])}
          workgroupBarrier();
        }
        ${storeRows(tile, {
          count: 'params.rows',
          store: (i, f) => `
            let e = x + ${f}u * LANES_X;
            store_output(query_${i}, e, load_output(query_${i}, e) + sum_${i}_${f});`,
        })}
      }`,
  };
});

/** Adds the gated map's values to an output [B, H, N, E], in its place; rows that see nothing stay 0. */
export function addCarriedValues(
  output: Tensor,
  blocks: AttentionBlocks,
  { previous, gate, logSumExp }: CarriedMap & { readonly logSumExp: Tensor },
): void {
  const sizes = blockSizes(blocks);
  const tile = forwardTile(sizes)!;
  runProgram(carriedValuesProgram(sizes.width, tile.lanesX, tile.rowsEach), {
    inputs: [blocks.value, previous, gate, logSumExp],
    outputs: [{ into: output }],
    params: [sizes.rows, sizes.queries],
    workgroups: [Math.ceil(sizes.rows / rowsOf(tile)), 1, sizes.batches],
  });
}

const LANES = 256;
/** Elements of a map that one workgroup takes. */
const CHUNK = 4096;

const carriedGradientProgram = programs(() => ({
  name: 'attentionCarriedGradient',
  inputs: ['dmap: array<f32>', 'previous: array<f32>', 'gate: array<f32>'],
  outputs: ['dprevious: array<f32>', 'dgate_parts: array<f32>'],
  params: ['size: u32'],
  body: /* wgsl */ `
    ${workgroupSum(LANES)}
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let share = gate[group.y];
      var sum = 0.0;
      let end = min(params.size, (group.x + 1u) * ${CHUNK}u);
      for (var i = group.x * ${CHUNK}u + lane; i < end; i += ${LANES}u) {
        let at = group.y * params.size + i;
        let d = dmap[at];
        dprevious[at] = share * d;
        sum += d * previous[at];
      }
      sum = workgroup_sum(sum, lane);
      if (lane == 0u) { dgate_parts[group.y * groups.x + group.x] = sum; }
    }`,
}));

const partsProgram = programs(() => ({
  name: 'attentionGateGradient',
  inputs: ['parts: array<f32>'],
  outputs: ['dgate: array<f32>'],
  params: ['heads: u32', 'parts: u32'],
  body: /* wgsl */ `
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x >= params.heads) { return; }
      var sum = 0.0;
      for (var i = 0u; i < params.parts; i++) { sum += parts[id.x * params.parts + i]; }
      dgate[id.x] = sum;
    }`,
}));

/** dmap [B, H, N, N] of map + gate previous -> [dprevious [B, H, N, N], dgate [B, H]]. */
export function carriedGradientWebGPU(dmap: Tensor, { previous, gate }: CarriedMap): [Tensor, Tensor] {
  const heads = gate.size;
  const size = previous.size / heads;
  const parts = Math.ceil(size / CHUNK);
  const [dPrevious, sumParts] = runProgram(carriedGradientProgram(), {
    inputs: [dmap, previous, gate],
    outputs: [{ shape: previous.shape }, { shape: [heads, parts] }],
    params: [size],
    workgroups: [parts, heads],
  });
  const [dGate] = runProgram(partsProgram(), {
    inputs: [sumParts!],
    outputs: [{ shape: gate.shape }],
    params: [heads, parts],
    workgroups: [Math.ceil(heads / 64)],
  });
  sumParts!.dispose();
  return [dPrevious!, dGate!];
}
