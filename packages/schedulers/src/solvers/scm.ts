import { refuseArgument, requireFinite } from '@latte-flow/core';

import { singleEvaluation } from './single-evaluation.ts';
import type { Solver } from './solver.ts';
import { requireTowardsData } from './towards-data.ts';

export interface ScmOptions {
  /** Standard deviation of the data that the network was trained on, which is also that of the noise, >= 0. Default 0.5. */
  readonly sigmaData?: number;
}

/**
 * Sampling of continuous-time consistency models over TrigFlow `angles` (Lu and Song, 2024; diffusers' `SCMScheduler`):
 * x' = cos(t) (cos(s) x - sin(s) v) + sin(t) sigma_data n from angle s to t, with the velocity v = dx/dangle = sigma_data F
 * for a network F. One evaluation and one draw a step; the last draw has weight 0. Like `lcm` it has order 0.
 *
 * @throws LatteFlowError `invalid-argument` for a bad `sigmaData`; its plan, for a grid of anything but angles, or from
 * data to noise.
 */
export function scm({ sigmaData = 0.5 }: ScmOptions = {}): Solver {
  requireFinite('scm', 'sigmaData', sigmaData, { min: 0 });
  return {
    name: 'scm',
    order: 0,
    stochastic: true,
    plan(step) {
      const { grid, start, end } = step;
      if (grid.convention !== 'angle') {
        refuseArgument({
          where: 'scm',
          expected: 'a grid of angles',
          got: `${grid.convention}s`,
          remedy: 'Pass angles, or take lcm.',
        });
      }
      requireTowardsData('scm', step);
      const data = Math.cos(end);
      return singleEvaluation(step, {
        sample: data * Math.cos(start),
        velocity: -data * Math.sin(start),
        noise: sigmaData * Math.sin(end),
      });
    },
  };
}
