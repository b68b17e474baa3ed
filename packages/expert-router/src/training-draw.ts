import { refuseArgument, requireFinite, requireInteger } from '@latte-flow/core';

import { type ExpertGroups, intervalOfGroup } from './expert-groups.ts';
import { BOUNDARY_SNAP } from './group-of-time.ts';

/** A density of times over [0, 1], as far as a draw inside an interval needs it. */
export interface DrawableDensity {
  cdf(time: number): number;
  inverseCdf(u: number): number;
}

/**
 * The group that micro-batch `index` trains: round robin, counted over the whole run.
 *
 * @param trained the groups that take turns, at least one; default all
 * @throws LatteFlowError `invalid-argument` unless `index` is an integer >= 0.
 */
export function groupOfMicroBatch(
  { groups }: ExpertGroups,
  index: number,
  { trained }: { readonly trained?: readonly number[] } = {},
): number {
  const turn = requireInteger('groupOfMicroBatch', 'index', index, { min: 0 }) % (trained?.length ?? groups);
  return trained?.[turn] ?? turn;
}

export interface GroupDraw {
  readonly group: number;
  readonly density: DrawableDensity;
  /** Numbers in [0, 1], one for each time wanted, e.g. `uniformNoise` of @latte-flow/core. */
  readonly uniforms: ArrayLike<number>;
}

/**
 * Training times inside a group's interval [a, b): F^-1(F(a) + u (F(b) - F(a))) for each uniform u, the density conditioned
 * on the interval. `groupOfTime` of every one of them is the group.
 *
 * @throws LatteFlowError `invalid-argument` for a group outside [0, K - 1], a uniform outside [0, 1] (names the index), or a
 * density without mass in the interval.
 */
export function drawGroupTimes(groups: ExpertGroups, { group, density, uniforms }: GroupDraw): Float64Array {
  requireInteger('drawGroupTimes', 'group', group, { min: 0, max: groups.groups - 1 });
  const [start, end] = intervalOfGroup(groups, group);
  const below = density.cdf(start);
  const mass = density.cdf(end) - below;
  if (!(mass > 0)) {
    refuseArgument({
      where: 'drawGroupTimes',
      expected: `a density with mass in the interval of group ${group}, [${start}, ${end})`,
      got: `a mass of ${mass}`,
      remedy: 'Choose another density or other boundaries.',
      data: { group, interval: [start, end], mass },
    });
  }
  // Times within the snap below a boundary count as the next group's; a rounding more keeps the draw out of there.
  const latest = group === groups.groups - 1 ? end : end - 2 * BOUNDARY_SNAP;
  return Float64Array.from(uniforms, (value, i) => {
    const u = requireFinite('drawGroupTimes', `uniforms[${i}]`, value, { min: 0, max: 1 });
    return Math.min(latest, Math.max(start, density.inverseCdf(below + u * mass)));
  });
}
