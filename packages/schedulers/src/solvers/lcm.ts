import { singleEvaluation } from './single-evaluation.ts';
import type { Solver } from './solver.ts';
import { descent } from './towards-data.ts';

/**
 * Sampling of latent consistency models: predicts the data and noises it again to the next node,
 * x' = (1 - t) (x - s v) + t n from sigma s to t (diffusers' `FlowMatchLCMScheduler`, and `FlowMatchEulerDiscreteScheduler`
 * with `stochastic_sampling`). One evaluation and one draw a step; the last draw, too, is made, and has weight 0 at the
 * data. Meant for few steps: more of them lead to no solution of the flow, hence order 0.
 *
 * Its plan throws LatteFlowError `invalid-argument` for a grid of angles, or from data to noise.
 */
export function lcm(): Solver {
  return {
    name: 'lcm',
    order: 0,
    stochastic: true,
    plan(step) {
      const { s, t, sign } = descent('lcm', step);
      return singleEvaluation(step, { sample: 1 - t, velocity: (t - 1) * s * sign, noise: t });
    },
  };
}
