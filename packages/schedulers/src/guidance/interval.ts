import { requireFinite, requireInteger } from '@latte-flow/core';

import { unguided } from './contrast.ts';
import type { Guidance, GuidancePoint } from './guidance.ts';

/** Two numbers in [0, 1], the first not above the second. */
export type GuidanceRange = readonly [low: number, high: number];

export interface IntervalOptions {
  /** Shares of the run: on at int(start N) <= step < int(stop N). */
  readonly steps?: GuidanceRange;
  /** Noise levels: on at low <= sigma <= high. [1 - c, 1] is Z-Image's `cfg_truncation` of c. */
  readonly sigmas?: GuidanceRange;
}

/**
 * A rule inside an interval of the run and the conditional branch alone outside, where no other is asked for
 * (Kynkäänniemi et al., 2024). With both `steps` and `sigmas`, inside means inside both.
 * @throws LatteFlowError `invalid-argument` for a range that is missing, outside [0, 1] or reversed.
 */
export function guidanceInterval(guidance: Guidance, { steps, sigmas }: IntervalOptions): Guidance {
  const where = 'guidanceInterval';
  if (steps !== undefined || sigmas === undefined) requireRange(where, 'steps', steps);
  if (sigmas !== undefined) requireRange(where, 'sigmas', sigmas);
  const ruleAt = (at: GuidancePoint) =>
    (steps === undefined || isWithinSteps(steps, at)) && (sigmas === undefined || isWithinSigmas(sigmas, at))
      ? guidance
      : unguided;
  const extents = [steps && `steps ${steps.join('-')}`, sigmas && `sigmas ${sigmas.join('-')}`].filter(Boolean);
  return {
    ...guidance,
    name: `${guidance.name} at ${extents.join(', ')}`,
    branches: [...new Set([...guidance.branches, ...unguided.branches])],
    branchesAt: (at) => ruleAt(at).branchesAt(at),
    combine: (velocities, context) => ruleAt(context.at).combine(velocities, context),
  };
}

export function requireRange(where: string, name: string, range: GuidanceRange | undefined): GuidanceRange {
  const min = requireFinite(where, `${name}[0]`, range?.[0], { min: 0, max: 1 });
  return [min, requireFinite(where, `${name}[1]`, range?.[1], { min, max: 1 })];
}

/** `strict` leaves out the first step. */
export function isWithinSteps([start, stop]: GuidanceRange, at: GuidancePoint, { strict = false } = {}): boolean {
  const steps = requireInteger('branchesAt', 'steps', at.steps, { min: 1 });
  const step = requireInteger('branchesAt', 'step', at.step, { min: 0 });
  return step >= Math.trunc(start * steps) + Number(strict) && step < Math.trunc(stop * steps);
}

function isWithinSigmas([low, high]: GuidanceRange, { sigma }: GuidancePoint): boolean {
  const level = requireFinite('branchesAt', 'sigma', sigma);
  return level >= low && level <= high;
}
