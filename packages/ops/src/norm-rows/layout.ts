import { packOf, type Pack } from '../kernel/value.ts';

/** Lanes of a workgroup. */
export const LANES = 256;
/** Values of a row that a lane holds before the row is given to more lanes. */
const VALUES_OF_LANE = 4;

/** How a workgroup shares out rows of a width: `lanes` lanes hold a row, each `chunks` of its values, `slots` rows at once. */
export interface RowLayout {
  readonly pack: Pack;
  readonly lanes: number;
  readonly slots: number;
  readonly chunks: number;
}

export function rowLayout(width: number): RowLayout {
  const pack = packOf(width);
  const units = width / pack;
  let lanes = 32;
  while (lanes < LANES && lanes * VALUES_OF_LANE < units) lanes *= 2;
  return { pack, lanes, slots: LANES / lanes, chunks: Math.ceil(units / lanes) };
}

/**
 * WGSL: `row_sum(value, index)` is the sum of `value` over the `lanes` neighbouring lanes of a row, in each of them.
 * Contains barriers: call it in uniform control flow.
 */
export function rowSum(lanes: number, { subgroups, type }: { subgroups: boolean; type: string }): string {
  return subgroups ? bySubgroups(lanes, type) : bySharedMemory(lanes, type);
}

function bySharedMemory(lanes: number, type: string): string {
  return /* wgsl */ `
    var<workgroup> row_sums: array<${type}, ${LANES}>;
    fn row_sum(value: ${type}, index: u32) -> ${type} {
      workgroupBarrier(); // readers of the sums before
      row_sums[index] = value;
      workgroupBarrier();
      for (var half = ${lanes / 2}u; half > 0u; half >>= 1u) {
        if (index % ${lanes}u < half) { row_sums[index] += row_sums[index + half]; }
        workgroupBarrier();
      }
      return row_sums[index - index % ${lanes}u];
    }`;
}

/**
 * Sums over pieces of a row by exchanges between pairs of lanes, which give each lane the same bits, then over the pieces in
 * their order. Lanes of a subgroup are neighbours; it may be larger or smaller than a row's share.
 */
function bySubgroups(lanes: number, type: string): string {
  const exchanges: string[] = [];
  for (let step = 1; step < Math.min(lanes, 128); step *= 2) {
    exchanges.push(`other = subgroupShuffleXor(sum, ${step}u); if (${step}u < size) { sum += other; }`);
  }
  return /* wgsl */ `
    var<workgroup> row_sums: array<${type}, ${LANES}>;
    fn row_sum(value: ${type}, index: u32) -> ${type} {
      let ballot = countOneBits(subgroupBallot(true));
      let size = ballot.x + ballot.y + ballot.z + ballot.w;
      var sum = value;
      var other: ${type};
      ${exchanges.join('\n')}
      workgroupBarrier(); // readers of the sums before
      row_sums[index] = sum;
      workgroupBarrier();
      let first = index - index % ${lanes}u;
      var total = row_sums[first];
      for (var i = size; i < ${lanes}u; i += size) { total += row_sums[first + i]; }
      return total;
    }`;
}
