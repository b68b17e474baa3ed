import { refuseArgument } from '@latte-flow/core';

import { combineArrays, type FloatArray } from '../solvers/float-arrays.ts';

/** Which prompt a velocity was predicted with: the user's, or the empty one. */
export type Branch = 'conditional' | 'null';

/** A rule that combines the branches of a step linearly. A branch that is not named need not be computed. */
export interface Guidance {
  readonly name: string;
  readonly branches: readonly Branch[];
  /** Float64 coefficients of the named branches. */
  readonly weights: Readonly<Partial<Record<Branch, number>>>;
}

/**
 * The guided velocity as a new array.
 * @throws LatteFlowError `invalid-argument` if a branch that the rule names is missing, `shape-mismatch` if lengths differ.
 */
export function guide<A extends FloatArray>(guidance: Guidance, velocities: Readonly<Partial<Record<Branch, A>>>): A {
  return combineArrays('guide', guidanceTerms(guidance, velocities)) as A;
}

/** Coefficient and velocity of each branch that a rule names, for any kind of array. */
export function guidanceTerms<T>(
  { branches, weights }: Guidance,
  velocities: Readonly<Partial<Record<Branch, T>>>,
): readonly (readonly [number, T])[] {
  return branches.map((branch) => [weights[branch] ?? 0, requireBranch(branch, velocities[branch])] as const);
}

function requireBranch<T>(branch: Branch, velocity: T | undefined): T {
  if (velocity !== undefined) return velocity;
  return refuseArgument({
    where: 'guide',
    expected: `the velocity of the ${branch} branch`,
    got: 'undefined',
    remedy: 'Compute every branch that guidance.branches names.',
    data: { branch },
  });
}
