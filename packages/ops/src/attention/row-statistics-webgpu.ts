import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

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
