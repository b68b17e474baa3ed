import { elementCount } from '@latte-flow/core';
import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import { valueOf, type Pack } from '../kernel/value.ts';
import { addSlabs } from '../reduction/column-sums.ts';
import { isCentred, type NormForm } from './forward.ts';
import { LANES, rowLayout, rowSum } from './layout.ts';

/** Workgroups among which the rows are shared out: each leaves one partial sum a channel. */
const WORKGROUPS = 512;

/** What multiplies the normalised row n in y: the factor of dn, WGSL. */
const FACTORS: Record<NormForm, { readonly inputs: readonly string[]; readonly factor: string }> = {
  rms: { inputs: ['weight'], factor: 'weight[column]' },
  layer: { inputs: ['weight'], factor: 'weight[column]' },
  modulatedRms: { inputs: ['weight', 'scale'], factor: 'weight[column] * (1.0 + scale[channel])' },
  gatedRms: { inputs: ['weight', 'scale'], factor: 'weight[column] * scale[channel]' },
};

/** Forms that add a tensor of one number a channel: its gradient is the sum of dy. */
const isShifted = (form: NormForm): boolean => form === 'layer' || form === 'modulatedRms';

const program = programs((form: NormForm, pack: Pack, lanes: number, chunks: number, subgroups: boolean) => {
  const slots = LANES / lanes;
  const { inputs, factor } = FACTORS[form];
  const sums = isShifted(form) ? ['dy_n', 'dy_total'] : ['dy_n'];
  const each = (text: string): string => /* wgsl */ `
    for (var c = 0u; c < ${chunks}u; c++) {
      let column = c * ${lanes}u + lane;
      if (inside && column < params.units) { ${text} }
    }`;
  const centre = /* wgsl */ `
    for (var c = 0u; c < ${chunks}u; c++) { sums += vec2f(total(values[c]), total(inner[c])); }
    sums = row_sum(sums, index) / params.width;
    let mean = sums.y; // of dn
    ${each('values[c] -= sums.x; ')}
    sums = vec2f();`;
  return {
    name: `${form} norm gradient`,
    inputs: ['dy', 'x', ...inputs].map((input) => `${input}: array<Value>`),
    outputs: ['dx', ...sums].map((output) => `${output}: array<Value>`),
    params: ['groups: u32', 'slabs: u32', 'slab_rows: u32', 'rows: u32', 'units: u32', 'width: f32', 'eps: f32'],
    directives: subgroups ? 'enable subgroups;' : '',
    body: /* wgsl */ `
      ${valueOf(pack)}
      ${rowSum(lanes, { subgroups, type: 'vec2f' })}
      var<workgroup> slot_sums: array<Value, ${LANES}>;
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) index: u32) {
        let slab = group.x + group.y * groups.x; // of all members
        if (slab >= params.groups) { return; }
        let member = slab / params.slabs;
        let begin = slab % params.slabs * params.slab_rows;
        let end = min(begin + params.slab_rows, params.rows);
        let lane = index % ${lanes}u;
        ${sums.map((sum) => `var sum_${sum}: array<Value, ${chunks}>;`).join('\n')}
        for (var first = begin; first < end; first += ${slots}u) {
          let row = first + index / ${lanes}u;
          let inside = row < end;
          let start = (member * params.rows + row) * params.units;
          var values: array<Value, ${chunks}>; // x, then x - mean(x)
          var inner: array<Value, ${chunks}>; // dn
          ${each(/* wgsl */ `
            let channel = member * params.units + column;
            values[c] = x[start + column];
            inner[c] = dy[start + column] * (${factor});`)}
          var sums = vec2f();
          ${isCentred(form) ? centre : 'let mean = 0.0;'}
          for (var c = 0u; c < ${chunks}u; c++) {
            sums += vec2f(total(values[c] * values[c]), total(values[c] * inner[c]));
          }
          sums = row_sum(sums, index) / params.width;
          let scaling = inverseSqrt(sums.x + params.eps);
          let projection = sums.y * scaling; // mean(dn n)
          ${each(/* wgsl */ `
            let n = values[c] * scaling;
            dx[start + column] = scaling * (inner[c] - mean - n * projection);
            sum_dy_n[c] += dy[start + column] * n;
            ${isShifted(form) ? 'sum_dy_total[c] += dy[start + column];' : ''}`)}
        }
        for (var c = 0u; c < ${chunks}u; c++) {
          let column = c * ${lanes}u + lane;
          ${sums
            .map(
              (sum) => /* wgsl */ `
          workgroupBarrier();
          slot_sums[index] = sum_${sum}[c];
          workgroupBarrier();
          for (var half = ${slots >> 1}u; half > 0u; half >>= 1u) {
            if (index < half * ${lanes}u) { slot_sums[index] += slot_sums[index + half * ${lanes}u]; }
            workgroupBarrier();
          }
          if (index < ${lanes}u && column < params.units) { ${sum}[slab * params.units + column] = slot_sums[index]; }`,
            )
            .join('\n')}
        }
      }`,
  };
});

/** Slabs of a member's rows, each the work of one workgroup, at least as many rows as it takes at once. */
function slabsOf(members: number, rows: number, slots: number): number {
  return Math.max(1, Math.min(Math.ceil(WORKGROUPS / members), Math.ceil(rows / slots)));
}

/**
 * The gradients of a normalisation with respect to its rows and, for each channel of each member, the sum of dy n (and of dy
 * where the form has a shift), n the normalised rows. With dn = factor dy: dx = r (dn - mean(dn) - n mean(dn n)), the first mean for
 * centred rows alone.
 *
 * @param tensors dy, x `[B, N, D]`, weight `[D]`, scale `[B, D]` where the form has one
 * @param shape B, N, D: without channels `[1, rows, D]`
 * @returns dx of the shape of x, then the sums, each of `sumShape` (default `[B, D]`), all owned by the caller
 */
export function normBackward(
  form: NormForm,
  tensors: readonly TensorInfo[],
  {
    eps,
    subgroups,
    members = 1,
    sumShape,
  }: Pick<KernelFeatures, 'subgroups'> & { eps: number; members?: number; sumShape?: readonly number[] },
): Tensor[] {
  const { shape } = tensors[1]!;
  const width = shape.at(-1)!;
  const rows = elementCount(shape) / width / members;
  const { pack, lanes, slots, chunks } = rowLayout(width);
  const slabRows = Math.ceil(rows / slabsOf(members, rows, slots));
  const slabs = Math.ceil(rows / slabRows);
  const groups = members * slabs;
  const sums = { shape: slabs === 1 ? (sumShape ?? [members, width]) : [members, slabs, width] };
  const results = runProgram(program(form, pack, lanes, chunks, subgroups), {
    inputs: tensors,
    outputs: [{ shape }, ...(isShifted(form) ? [sums, sums] : [sums])],
    params: [groups, slabs, slabRows, rows, width / pack, width, eps],
    workgroups: spread(groups),
  });
  if (slabs === 1) return results;
  const partial = results.splice(1);
  results.push(...addSlabs(partial, { shape: [members, slabs, width], sumShape }));
  for (const sum of partial) sum.dispose();
  return results;
}
