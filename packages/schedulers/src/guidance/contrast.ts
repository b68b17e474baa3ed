import { requireFinite, requireOneOf } from '@latte-flow/core';

import type { Branch, Guidance, GuidanceContext, Guided } from './guidance.ts';

/** How a guidance scale is counted: `standard` is from + w (to - from), `original` is to + w (to - from). */
export type GuidanceForm = 'standard' | 'original';

export interface FormOptions {
  /** Default `standard`, in which w = 1 is no guidance; in `original` that is w = 0. */
  readonly form?: GuidanceForm;
}

/** A checked guidance scale as the weights of the branch to go to and the one to go from. */
export function contrastWeights(
  where: string,
  guidanceScale: number,
  { form = 'standard' }: FormOptions,
): readonly [to: number, from: number] {
  const w = requireFinite(where, 'guidanceScale', guidanceScale);
  return requireOneOf(where, 'form', form, ['standard', 'original']) === 'standard' ? [w, 1 - w] : [1 + w, -w];
}

/** A rule that is linear in its branches; a branch of weight 0 is not named. */
export function linearGuidance(name: string, weights: Readonly<Partial<Record<Branch, number>>>): Guidance {
  const terms = (Object.entries(weights) as [Branch, number][]).filter(([, weight]) => weight !== 0);
  const branches = terms.map(([branch]) => branch);
  return {
    name,
    branches,
    stateful: false,
    branchesAt: () => branches,
    combine: (velocities, { arithmetic, state }) => ({
      velocity: arithmetic.combine(terms.map(([branch, weight]) => [weight, velocities[branch]])),
      state,
    }),
  };
}

/** The conditional velocity as it is. */
export const unguided: Guidance = linearGuidance('none', { conditional: 1 });

/** A rule of the conditional and the null branch that is more than linear; `unguided` where the null one has no weight. */
export function nonlinearGuidance(
  name: string,
  weights: readonly [to: number, from: number],
  combine: <T>(conditional: T, unconditional: T, context: GuidanceContext<T>) => Guided<T>,
): Guidance {
  if (weights[1] === 0) return { ...unguided, name };
  const branches = ['conditional', 'null'] as const;
  return {
    name,
    branches,
    stateful: false,
    branchesAt: () => branches,
    combine: (velocities, context) => combine(velocities.conditional, velocities.null, context),
  };
}
