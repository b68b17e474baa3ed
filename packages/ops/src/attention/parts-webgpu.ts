import { programs, runProgram, spread, type OutputSpec } from '@latte-flow/runtime';
import { tidy, type Tensor } from '@tensorflow/tfjs-core';

import { BLIND, NOTHING } from './blind-rows.ts';
import type { AttentionBlocks, BlockSizes } from './blocks.ts';
import type { CarriedMap } from './carried-webgpu.ts';
import { occupancy } from './tile.ts';

/** The own block's scores are written, with a gated map added or without. */
export type OwnMap = 'none' | 'first' | 'carried';

export interface ForwardResult {
  /** [B, H, N, E] */
  readonly output: Tensor;
  /** [B, H, N]: of the visible scores of each row; huge where it sees nothing. */
  readonly logSumExp: Tensor;
  /** [B, H, N, N], if asked for. */
  readonly map?: Tensor;
}

const combineProgram = programs((isBlindZero: boolean) => ({
  name: 'attentionParts',
  inputs: ['parts: array<f32>', 'logs: array<f32>'],
  outputs: ['output: array<f32>', 'log_sum_exp: array<f32>'],
  params: ['rows: u32', 'width: u32', 'parts: u32'],
  body: /* wgsl */ `
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let row = group.x + group.y * groups.x;
      if (row >= params.rows) { return; }
      var top = -1e38;
      for (var part = 0u; part < params.parts; part++) { top = max(top, logs[part * params.rows + row]); }
      var total = 0.0;
      for (var part = 0u; part < params.parts; part++) { total += exp(logs[part * params.rows + row] - top); }
      let is_blind = ${isBlindZero ? `top < ${BLIND}` : 'false'};
      if (lane == 0u) { log_sum_exp[row] = select(top + log(total), ${NOTHING}, is_blind); }
      for (var e = lane; e < params.width; e += 64u) {
        var sum = 0.0;
        for (var part = 0u; part < params.parts; part++) {
          sum += exp(logs[part * params.rows + row] - top) * parts[(part * params.rows + row) * params.width + e];
        }
        output[row * params.width + e] = select(sum / total, 0.0, is_blind);
      }
    }`,
}));

/**
 * Joins what was attended to in parts of the keys: outputs [S, B, H, N, E] and their log-sum-exps [S, B, H, N] -> the
 * output and the log-sum-exp over all keys.
 */
function joinParts([outputs, logs]: readonly [Tensor, Tensor], isBlindZero: boolean): [Tensor, Tensor] {
  const [parts, ...shape] = outputs.shape as [number, ...number[]];
  const rows = logs.size / parts;
  const [output, logSumExp] = runProgram(combineProgram(isBlindZero), {
    inputs: [outputs, logs],
    outputs: [{ shape }, { shape: logs.shape.slice(1) }],
    params: [rows, shape.at(-1)!, parts],
    workgroups: spread(rows),
  });
  return [output!, logSumExp!];
}

interface TileSize {
  readonly rows: number;
  readonly columns: number;
}

/** In how many parts the keys are cut, where rows alone would leave the device idle. */
export function partsOf(sizes: BlockSizes, tile: TileSize): { parts: number; keysEach: number } {
  const tiles = Math.ceil(sizes.keys / tile.columns);
  const workgroups = Math.ceil(sizes.rows / tile.rows) * sizes.batches;
  const wanted = Math.max(1, Math.min(Math.ceil(tiles / 2), Math.floor(occupancy().workgroups / workgroups)));
  const keysEach = Math.ceil(tiles / wanted) * tile.columns;
  return { parts: Math.ceil(sizes.keys / keysEach), keysEach };
}

interface ForwardBindings {
  readonly map: OwnMap;
  /** The bias, or none; the carried map and its gates, or neither. */
  readonly bias: readonly Tensor[];
  readonly carried: readonly Tensor[];
  /** Rows that see nothing give zeros. */
  readonly isBlindZero: boolean;
  /** Buffers, those of keys and values not counted. */
  readonly others: number;
}

/** What a forward pass binds beside queries, keys and values. */
export function forwardBindings({ visibility }: AttentionBlocks, residual?: Partial<CarriedMap>): ForwardBindings {
  const map = residual === undefined ? 'none' : residual.previous === undefined ? 'first' : 'carried';
  const carried = map === 'carried' ? [residual!.previous!, residual!.gate!] : [];
  const bias = visibility === undefined ? [] : [visibility.bias];
  const others = 3 + bias.length + carried.length + (map === 'none' ? 0 : 1); // query, output, log-sum-exp
  return { map, bias, carried, isBlindZero: visibility?.seen !== undefined, others };
}

/** What a forward pass writes, in parts of the keys or at once. */
export function forwardOutputs({ query }: AttentionBlocks, parts: number, map: OwnMap): OutputSpec[] {
  const [rows, partAxis] = [query.shape.slice(0, 3), parts === 1 ? [] : [parts]];
  return [
    { shape: [...partAxis, ...query.shape] },
    { shape: [...partAxis, ...rows] },
    ...(map === 'none' ? [] : [{ shape: [...rows, query.shape[2]!] }]),
  ];
}

/** What a pass in so many parts writes, which is joined; nothing else that it makes is left. */
export function forwardResult(pass: () => Tensor[], parts: number, isBlindZero: boolean): ForwardResult {
  const [output, logSumExp, map] = tidy(() => {
    const [outputs, logs, ...rest] = pass();
    return parts === 1 ? [outputs!, logs!, ...rest] : [...joinParts([outputs!, logs!], isBlindZero), ...rest];
  });
  return { output: output!, logSumExp: logSumExp!, ...(map && { map }) };
}
