import { refuseArgument } from '@latte-flow/core';

import type { Step } from './solver.ts';

/** A step of a linear-path run seen in sigmas, whatever convention its grid has. */
export interface SigmaView {
  /** Sigma of node `index` of the grid. */
  sigma(index: number): number;
  /** dx/dsigma is this times the velocity that the callback gives: 1 for sigmas, -1 for times. */
  readonly sign: 1 | -1;
}

/**
 * The one place where a solver written in sigmas reads a grid of times: sigma = 1 - t, dx/dsigma = -dx/dt.
 * @throws LatteFlowError `invalid-argument` for a grid of angles, which no linear path has.
 */
export function sigmaView({ grid: { convention, nodes } }: Pick<Step, 'grid'>): SigmaView {
  if (convention === 'angle') {
    return refuseArgument({
      where: 'sigmaView',
      expected: 'a grid of sigmas or times',
      got: 'angles',
      remedy: 'Choose a solver for angles, e.g. scm or a Runge-Kutta method.',
    });
  }
  return convention === 'sigma'
    ? { sigma: (index) => nodes[index]!, sign: 1 }
    : { sigma: (index) => 1 - nodes[index]!, sign: -1 };
}
