import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { BLIND, NOTHING } from './blind-rows.ts';

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
export function joinParts([outputs, logs]: readonly [Tensor, Tensor], isBlindZero: boolean): [Tensor, Tensor] {
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
