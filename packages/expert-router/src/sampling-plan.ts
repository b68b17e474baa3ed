import { describeValue, refuseArgument, requireFinite } from '@latte-flow/core';

import { type ExpertGroups, type LayerRange, intervalOfGroup, layersOfGroup } from './expert-groups.ts';
import { BOUNDARY_SNAP, groupOfTime } from './group-of-time.ts';

/** A step from `start` to `end`; every stage of a multi-stage solver runs in its group. */
export interface PlannedStep {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** The group of `start`. */
  readonly group: number;
  readonly layers: LayerRange;
}

/** Groups whose interval the plan crosses without a step that starts in it: their layers never run. */
export interface SkippedGroups {
  readonly code: 'groups-skipped';
  readonly groups: readonly number[];
  readonly message: string;
}

/** Which group runs at which step. Frozen, made in float64 before anything is run. */
export interface SamplingPlan {
  readonly groups: ExpertGroups;
  readonly steps: readonly PlannedStep[];
  readonly warnings: readonly SkippedGroups[];
}

export interface PlanOptions {
  /** The N + 1 ascending times of N steps, in [0, 1], noise to data. */
  readonly times: readonly number[];
  /** Cut every step that crosses a boundary in two, for solvers that choose their own steps in between. Default false. */
  readonly stopAtBoundaries?: boolean;
}

/**
 * Plans a sampling run: a step belongs to the group of its start time. Fewer steps than groups is allowed and comes back
 * as a warning that names the groups skipped.
 *
 * @throws LatteFlowError `invalid-argument` unless `times` are at least two ascending numbers in [0, 1] (names the index).
 */
export function planSampling(groups: ExpertGroups, { times, stopAtBoundaries = false }: PlanOptions): SamplingPlan {
  requireTimes(times);
  const nodes = stopAtBoundaries ? withBoundaries(groups, times) : times;
  const steps = nodes.slice(1).map((end, index): PlannedStep => {
    const start = nodes[index]!;
    const group = groupOfTime(groups, start);
    return Object.freeze({ index, start, end, group, layers: Object.freeze(layersOfGroup(groups, group)) });
  });
  return Object.freeze({ groups, steps: Object.freeze(steps), warnings: Object.freeze(skipped(groups, steps)) });
}

function requireTimes(times: readonly number[]): void {
  if (!Array.isArray(times) || times.length < 2) {
    refuseArgument({
      where: 'planSampling',
      expected: 'times to be a list of at least two numbers',
      got: describeValue(times),
      remedy: 'Pass the start and the end of every step, one more than there are steps.',
    });
  }
  times.forEach((time, index) => {
    requireFinite('planSampling', `times[${index}]`, time, { min: 0, max: 1 });
    if (index === 0 || time > times[index - 1]!) return;
    refuseArgument({
      where: 'planSampling',
      expected: `times[${index}] to exceed the one before`,
      got: `${time} after ${times[index - 1]}`,
      remedy: 'Pass ascending times, 0 noise to 1 data; t = 1 - sigma.',
      data: { index, times },
    });
  });
}

/** The times and, between them, every boundary that none of them is on. */
function withBoundaries({ boundaries }: ExpertGroups, times: readonly number[]): readonly number[] {
  const [first, last] = [times[0]!, times.at(-1)!];
  const inner = boundaries.filter(
    (bound) => bound > first && bound < last && times.every((time) => Math.abs(time - bound) > BOUNDARY_SNAP),
  );
  return [...times, ...inner].sort((a, b) => a - b);
}

function skipped(groups: ExpertGroups, steps: readonly PlannedStep[]): SkippedGroups[] {
  const visited = new Set(steps.map(({ group }) => group));
  const [first, last] = [steps[0]!.start, steps.at(-1)!.end];
  const missing = Array.from({ length: groups.groups }, (_, group) => group).filter((group) => {
    const [start, end] = intervalOfGroup(groups, group);
    const crossed = Math.min(end, last) - Math.max(start, first) > BOUNDARY_SNAP;
    return crossed && !visited.has(group);
  });
  if (missing.length === 0) return [];
  const message = `No step starts in the interval of ${missing.length === 1 ? 'group' : 'groups'} ${missing.join(', ')} of ${groups.groups}: take more steps to use every group.`;
  return [Object.freeze({ code: 'groups-skipped', groups: Object.freeze(missing), message })];
}
