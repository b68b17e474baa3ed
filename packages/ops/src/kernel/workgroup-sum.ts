/**
 * WGSL: `workgroup_sum(value, lane)` is the sum of `value` over all `size` lanes of the workgroup, in every lane. `T` is
 * `f32` or a vector of it. Contains barriers: call it in uniform control flow.
 */
export function workgroupSum(size: number, { subgroups = false, type = 'f32' } = {}): string {
  return subgroups ? bySubgroups(size, type) : bySharedMemory(size, type);
}

function bySharedMemory(size: number, type: string): string {
  return /* wgsl */ `
    var<workgroup> partial_sums: array<${type}, ${size}>;
    fn workgroup_sum(value: ${type}, lane: u32) -> ${type} {
      workgroupBarrier(); // readers of the sum before
      partial_sums[lane] = value;
      workgroupBarrier();
      for (var half = ${size / 2}u; half > 0u; half >>= 1u) {
        if (lane < half) { partial_sums[lane] += partial_sums[lane + half]; }
        workgroupBarrier();
      }
      return partial_sums[0];
    }`;
}

/**
 * One partial sum a subgroup, added up in their order, so that equal inputs give equal bits. Lanes of a subgroup are
 * neighbours, and at least 4.
 */
function bySubgroups(size: number, type: string): string {
  return /* wgsl */ `
    var<workgroup> partial_sums: array<${type}, ${Math.max(1, size / 4)}>;
    fn workgroup_sum(value: ${type}, lane: u32) -> ${type} {
      let sum = subgroupAdd(value);
      let ballot = countOneBits(subgroupBallot(true));
      let subgroup_size = ballot.x + ballot.y + ballot.z + ballot.w;
      workgroupBarrier(); // readers of the sum before
      if (subgroupElect()) { partial_sums[lane / 4u] = sum; }
      workgroupBarrier();
      var total = partial_sums[0];
      for (var i = subgroup_size; i < ${size}u; i += subgroup_size) { total += partial_sums[i / 4u]; }
      return total;
    }`;
}
