import { refuseArgument, requireFinite, requireInteger } from '@latte-flow/core';

import type { GuidanceArithmetic } from './arithmetic.ts';

/**
 * What a velocity was predicted with: the user's prompt, the empty one, the user's prompt through a perturbed model
 * (skipped layers, perturbed attention, smoothed energy), or the user's prompt through a weaker model.
 */
export type Branch = 'conditional' | 'null' | 'perturbed' | 'weak';

/** Where in a run a velocity is guided. Rules with an interval say which of these they need. */
export interface GuidancePoint {
  /** 0 … steps - 1 */
  readonly step?: number;
  readonly steps?: number;
  /** Noise level, 1 - t, in [0, 1]. */
  readonly sigma?: number;
}

/** One velocity a branch, alike in shape; a branch that the step does not need may be left out. */
export type Velocities<T> = Readonly<Partial<Record<Branch, T>>>;

export interface GuidanceContext<T> {
  readonly at: GuidancePoint;
  readonly arithmetic: GuidanceArithmetic<T>;
  /** x; read only for its shape, at steps that need no branch. */
  readonly sample?: T;
  /** What the rule returned as `state` before; undefined at first. */
  readonly state?: T;
}

export interface Guided<T> {
  readonly velocity: T;
  /** For the next evaluation; only from rules with memory. */
  readonly state?: T;
}

/** A rule that combines the branches of a step. Rules are pure, and wrap each other. */
export interface Guidance {
  /** Name and parameters, for people. */
  readonly name: string;
  /** Every branch that some step may need. */
  readonly branches: readonly Branch[];
  /** True if the rule carries `state` from one evaluation to the next. */
  readonly stateful: boolean;
  /** The branches that a step needs; none where the velocity is 0 whatever the model says. */
  branchesAt(at: GuidancePoint): readonly Branch[];
  /** Combines the branches that `branchesAt` names; the others are not read. */
  combine<T>(velocities: Readonly<Record<Branch, T>>, context: GuidanceContext<T>): Guided<T>;
}

/**
 * Which branches a step needs, so that none is computed in vain: for classifier-free guidance of scale 1, or outside an
 * interval, `['conditional']` alone.
 * @throws LatteFlowError `invalid-argument` if `at` lacks what the rule depends on (step and steps, or sigma), or is out
 * of range.
 */
export function branchesAt(guidance: Guidance, at: GuidancePoint): readonly Branch[] {
  const { step, steps, sigma } = at;
  if (steps !== undefined) requireInteger('branchesAt', 'steps', steps, { min: 1 });
  if (step !== undefined)
    requireInteger('branchesAt', 'step', step, { min: 0, max: steps === undefined ? undefined : steps - 1 });
  if (sigma !== undefined) requireFinite('branchesAt', 'sigma', sigma, { min: 0, max: 1 });
  return guidance.branchesAt(at);
}

/** Runs a rule on arrays of any kind, once every branch that it needs is known to be there. */
export function applyGuidance<T>(
  guidance: Guidance,
  velocities: Velocities<T>,
  context: GuidanceContext<T>,
): Guided<T> {
  const needed = branchesAt(guidance, context.at);
  const missing = needed.find((branch) => velocities[branch] === undefined);
  if (missing !== undefined || (needed.length === 0 && context.sample === undefined)) {
    const expected =
      missing === undefined ? 'the sample, at a step without branches' : `the velocity of the ${missing} branch`;
    refuseArgument({
      where: 'guide',
      expected,
      got: 'undefined',
      remedy: 'Compute every branch that branchesAt names; where it names none, pass sample.',
      data: { branch: missing },
    });
  }
  return guidance.combine(velocities as Readonly<Record<Branch, T>>, context);
}
