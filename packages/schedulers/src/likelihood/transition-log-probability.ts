import { refuseArgument } from '@latte-flow/core';

import { combineArrays, type FloatArray } from '../arrays/float-array.ts';
import { gridOf, type GridOption } from '../solvers/grid.ts';
import { type Combination, type Solver, stepOf } from '../solvers/solver.ts';

/** A step that a stochastic solver took, under the grid it was taken on. */
export interface Transition extends GridOption {
  /** 0 … N - 1 */
  readonly step: number;
  /** x before the step. */
  readonly sample: FloatArray;
  /** The velocity at x, by the policy in question: dx/dt for `times`, dx/dsigma for `sigmas`. */
  readonly velocity: FloatArray;
  /** x after the step. */
  readonly next: FloatArray;
}

/** The store of a step that evaluates at x, draws once and is done: a Gaussian around a linear function of both. */
function gaussianOf(solver: Solver, transition: Transition): { readonly mean: Combination; readonly std: number } {
  const grid = gridOf('transitionLogProbability', transition);
  const plan = solver.plan(stepOf(grid, transition.step));
  const [evaluate, draw, store] = plan;
  if (plan.length === 3 && evaluate?.kind === 'evaluate' && draw?.kind === 'draw' && store?.kind === 'store') {
    const { [draw.into]: std = 0, sample = 0, [evaluate.into]: velocity = 0, ...others } = store.slots['sample'] ?? {};
    if (Object.keys(others).length === 0 && std > 0) return { mean: { sample, velocity }, std };
  }
  return refuseArgument({
    where: 'transitionLogProbability',
    expected: 'a step of one evaluation, with noise',
    got: `step ${transition.step} of the solver ${solver.name}`,
    remedy: 'Take marginalPreservingSde with euler-maruyama, and leave out the last step.',
  });
}

/**
 * The log-density of the step that a stochastic solver took, log N(next; mean, std^2 I), summed over all elements: the
 * per-step log-probability of a policy for reinforcement learning (Flow-GRPO, which takes the mean over the elements:
 * divide by their number). Differences between two velocities on one transition are what a policy ratio needs.
 *
 * @throws LatteFlowError `invalid-argument` for a bad grid or step, or a step that is not Gaussian or has no noise,
 * `shape-mismatch` if the lengths differ.
 */
export function transitionLogProbability(solver: Solver, transition: Transition): number {
  const { mean, std } = gaussianOf(solver, transition);
  const { sample, velocity, next } = transition;
  const distance = combineArrays('transitionLogProbability', [
    [1, Float64Array.from(next)],
    [-mean['sample']!, sample],
    [-mean['velocity']!, velocity],
  ]);
  let squares = 0;
  for (const value of distance) squares += value * value;
  return -squares / (2 * std * std) - distance.length * (Math.log(std) + Math.log(2 * Math.PI) / 2);
}
