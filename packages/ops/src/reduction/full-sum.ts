import { elementCount } from '@latte-flow/core';
import { programs, runProgram } from '@latte-flow/runtime';
import type { Scalar, TensorInfo } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import { packOf, valueOf, type Pack } from '../kernel/value.ts';
import { workgroupSum } from '../kernel/workgroup-sum.ts';

const LANES = 256;
/** Values that a lane reads at least before another workgroup pays. */
const MIN_OF_LANE = 8;
const MAX_WORKGROUPS = 1024;

/** What is summed, WGSL on the values of the inputs. */
const TERMS = {
  value: { inputs: ['x'], term: 'x' },
  squaredDifference: { inputs: ['x', 'y'], term: '(x - y) * (x - y)' },
} as const;

export type SummedTerm = keyof typeof TERMS;

const program = programs((kind: SummedTerm, pack: Pack, subgroups: boolean) => {
  const { inputs, term } = TERMS[kind];
  return {
    name: `fullSum ${kind}`,
    inputs: inputs.map((input) => `${input}: array<Value>`),
    outputs: ['sums: array<f32>'],
    params: ['count: u32', 'factor: f32'],
    directives: subgroups ? 'enable subgroups;' : '',
    body: /* wgsl */ `
      ${valueOf(pack)}
      ${workgroupSum(LANES, { subgroups })}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
        var terms = Value();
        for (var i = group.x * ${LANES}u + lane; i < params.count; i += groups.x * ${LANES}u) {
          ${inputs.map((input) => `let ${input} = ${input}[i];`).join('\n')}
          terms += ${term};
        }
        let sum = workgroup_sum(total(terms), lane);
        if (lane == 0u) { sums[group.x] = sum * params.factor; }
      }`,
  };
});

/** factor * sum of a term over all elements, in one dispatch, or two for large tensors. Equal inputs give equal bits. */
export function fullSum(
  kind: SummedTerm,
  tensors: readonly TensorInfo[],
  { subgroups, factor = 1 }: Pick<KernelFeatures, 'subgroups'> & { factor?: number },
): Scalar {
  const size = elementCount(tensors[0]!.shape);
  const pack = packOf(size);
  const count = size / pack;
  const groups = Math.min(MAX_WORKGROUPS, Math.ceil(count / (LANES * MIN_OF_LANE)));
  const [sums] = runProgram(program(kind, pack, subgroups), {
    inputs: tensors,
    outputs: [{ shape: groups === 1 ? [] : [groups] }],
    params: [count, groups === 1 ? factor : 1],
    workgroups: [groups],
  });
  if (groups === 1) return sums as Scalar;
  const sum = fullSum('value', [sums!], { subgroups, factor });
  sums!.dispose();
  return sum;
}
