import { refuseArgument, requireFinite } from '@latte-flow/core';

import type { ExpertGroups } from './expert-groups.ts';

/** A time this little below a boundary counts as on it, however it was computed. */
export const BOUNDARY_SNAP = 1e-6;

/**
 * The group of a time: the first k with t < b_{k+1} - 1e-6, the last group for what is left; t a float64.
 * @throws LatteFlowError `invalid-argument` for t outside [0, 1] or NaN.
 */
export function groupOfTime({ groups, boundaries }: ExpertGroups, time: number): number {
  requireFinite('groupOfTime', 'time', time, { min: 0, max: 1 });
  for (let k = 0; k < groups - 1; k++) if (time < boundaries[k + 1]! - BOUNDARY_SNAP) return k;
  return groups - 1;
}

/**
 * The one group that all times of a batch belong to: a forward pass runs the layers of one group.
 * @throws LatteFlowError `invalid-argument` for an empty batch, a time outside [0, 1] or NaN, or times of two groups
 * (names the index).
 */
export function requireOneGroup(groups: ExpertGroups, times: ArrayLike<number>): number {
  if (times.length === 0) {
    refuseArgument({
      where: 'requireOneGroup',
      expected: 'at least one time',
      got: 'none',
      remedy: 'Pass one time for each member of the batch.',
    });
  }
  const [first, ...others] = Array.from(times, (time) => groupOfTime(groups, time));
  const odd = others.findIndex((group) => group !== first);
  if (odd === -1) return first!;
  return refuseArgument({
    where: 'requireOneGroup',
    expected: `all times of a batch in one group, here group ${first} (t = ${times[0]})`,
    got: `group ${others[odd]} at index ${odd + 1} (t = ${times[odd + 1]})`,
    remedy: 'Split the batch by group.',
    data: { index: odd + 1, groups: [first, others[odd]] },
  });
}
