import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import { packOf, valueOf, type Pack } from '../kernel/value.ts';
import { workgroupSum } from '../kernel/workgroup-sum.ts';
import { fullSum } from '../reduction/full-sum.ts';

const LANES = 256;
/** Of the sum of weights: all weights 0 give a loss of 0. */
const SMALLEST_TOTAL = 1e-12;

/**
 * WGSL: one workgroup a row, up to its largest logit `top` and the sum of e^(logit - top), in every lane. Rows without weight end
 * with `unweighted`, and their labels are not looked at.
 */
function rowStatistics(pack: Pack, subgroups: boolean, unweighted: string): string {
  return /* wgsl */ `
    ${valueOf(pack)}
    ${workgroupSum(LANES, { subgroups })}
    var<workgroup> tops: array<f32, ${LANES}>;
    fn largest(v: Value) -> f32 { return ${pack === 4 ? 'max(max(v.x, v.y), max(v.z, v.w))' : 'v'}; }
    fn workgroup_max(value: f32, lane: u32) -> f32 {
      tops[lane] = value;
      workgroupBarrier();
      for (var half = ${LANES / 2}u; half > 0u; half >>= 1u) {
        if (lane < half) { tops[lane] = max(tops[lane], tops[lane + half]); }
        workgroupBarrier();
      }
      return tops[0];
    }
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let row = group.x + group.y * groups.x;
      if (row >= params.rows) { return; }
      let start = row * params.units;
      let label = u32(labels[row]); // of a row without weight any number
      if (weights[row] == 0.0) {
        ${unweighted}
        return;
      }
      // Each lane keeps the sum over what it has seen, relative to the largest of it.
      var lane_top = -3.0e38;
      var lane_sum = 0.0;
      for (var i = lane; i < params.units; i += ${LANES}u) {
        let value = logits[start + i];
        let next = max(lane_top, largest(value));
        lane_sum = lane_sum * exp(lane_top - next) + total(exp(value - next));
        lane_top = next;
      }
      let top = workgroup_max(lane_top, lane);
      let exp_sum = workgroup_sum(lane_sum * exp(lane_top - top), lane);`;
}

const rowLosses = programs((pack: Pack, subgroups: boolean) => ({
  name: 'softmaxCrossEntropy rows',
  inputs: ['logits: array<Value>', 'labels: array<i32>', 'weights: array<f32>'],
  outputs: ['losses: array<f32>'],
  params: ['rows: u32', 'units: u32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${rowStatistics(pack, subgroups, 'if (lane == 0u) { losses[row] = 0.0; }')}
      if (lane == 0u) {
        let unit = label / ${pack}u;
        let values = logits[start + min(unit, params.units - 1u)];
        let chosen = select(0.0, ${pack === 4 ? 'values[label % 4u]' : 'values'}, unit < params.units);
        losses[row] = weights[row] * (log(exp_sum) + (top - chosen));
      }
    }`,
}));

const weightedMean = programs((subgroups: boolean) => ({
  name: 'softmaxCrossEntropy mean',
  inputs: ['losses: array<f32>', 'weights: array<f32>'],
  outputs: ['loss: array<f32>'],
  params: ['rows: u32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${workgroupSum(LANES, { subgroups, type: 'vec2f' })}
    @compute @workgroup_size(${LANES})
    fn main(@builtin(local_invocation_index) lane: u32) {
      var sums = vec2f();
      for (var row = lane; row < params.rows; row += ${LANES}u) { sums += vec2f(losses[row], weights[row]); }
      sums = workgroup_sum(sums, lane);
      if (lane == 0u) { loss[0] = sums.x / max(sums.y, ${SMALLEST_TOTAL}); }
    }`,
}));

/** logits [M, V], labels and weights [M] -> []. */
export function crossEntropyWebGPU(
  logits: Tensor2D,
  labels: Tensor1D,
  weights: Tensor1D,
  { subgroups }: Pick<KernelFeatures, 'subgroups'>,
): Scalar {
  const [rows, classes] = logits.shape;
  const pack = packOf(classes);
  const [losses] = runProgram(rowLosses(pack, subgroups), {
    inputs: [logits, labels, weights],
    outputs: [{ shape: [rows] }],
    params: [rows, classes / pack],
    workgroups: spread(rows),
  });
  const [loss] = runProgram(weightedMean(subgroups), {
    inputs: [losses!, weights],
    outputs: [{ shape: [] }],
    params: [rows],
    workgroups: [1],
  });
  losses!.dispose();
  return loss as Scalar;
}

const gradient = programs((pack: Pack, subgroups: boolean) => ({
  name: 'softmaxCrossEntropyGradient',
  inputs: [
    'logits: array<Value>',
    'labels: array<i32>',
    'weights: array<f32>',
    'total_weight: array<f32>',
    'dy: array<f32>',
  ],
  outputs: ['dlogits: array<Value>'],
  params: ['rows: u32', 'units: u32'],
  directives: subgroups ? 'enable subgroups;' : '',
  body: /* wgsl */ `
    ${rowStatistics(
      pack,
      subgroups,
      `for (var i = lane; i < params.units; i += ${LANES}u) { dlogits[start + i] = Value(); }`,
    )}
      let share = dy[0] * weights[row] / max(total_weight[0], ${SMALLEST_TOTAL});
      for (var i = lane; i < params.units; i += ${LANES}u) {
        let one_hot = select(Value(), Value(1.0), ${pack === 4 ? '4u * i + vec4u(0u, 1u, 2u, 3u) == vec4u(label)' : 'i == label'});
        dlogits[start + i] = (exp(logits[start + i] - top) / exp_sum - one_hot) * share;
      }
    }`,
}));

/** dy [], logits [M, V], labels and weights [M] -> dlogits. */
export function crossEntropyGradientWebGPU(
  dy: Tensor,
  logits: Tensor2D,
  labels: Tensor1D,
  weights: Tensor1D,
  { subgroups }: Pick<KernelFeatures, 'subgroups'>,
): Tensor2D {
  const [rows, classes] = logits.shape;
  const pack = packOf(classes);
  const totalWeight = fullSum('value', [weights], { subgroups });
  const [dlogits] = runProgram(gradient(pack, subgroups), {
    inputs: [logits, labels, weights, totalWeight, dy],
    outputs: [{ shape: [rows, classes] }],
    params: [rows, classes / pack],
    workgroups: spread(rows),
  });
  totalWeight.dispose();
  return dlogits as Tensor2D;
}
