import { refuseArgument } from '@latte-flow/core';

import { sigmaView } from './sigma-view.ts';
import type { Step } from './solver.ts';

/** Refuses a step from data to noise, for solvers whose steps cannot be run backwards; one of no length passes. */
export function requireTowardsData(where: string, { grid: { convention, nodes }, start, end }: Step): void {
  if (convention === 'time' ? start <= end : start >= end) return;
  refuseArgument({
    where,
    expected: 'a grid from noise to data',
    got: `a step from ${convention} ${start} to ${end}`,
    remedy: 'Reverse the grid, or invert with e.g. heun.',
    data: { nodes },
  });
}

/**
 * A step of a linear-path run from sigma s down to sigma t; dx/dsigma is `sign` times what the callback gives.
 * @throws LatteFlowError `invalid-argument` for angles, or a step from data to noise.
 */
export function descent(where: string, step: Step): { readonly s: number; readonly t: number; readonly sign: 1 | -1 } {
  const { sigma, sign } = sigmaView(step);
  requireTowardsData(where, step);
  return { s: sigma(step.index), t: sigma(step.index + 1), sign };
}
