import { sigmaView } from './sigma-view.ts';
import type { Solver } from './solver.ts';
import { requireTowardsData } from './towards-data.ts';

/**
 * Sampling of latent consistency models: predicts the data and noises it again to the next node,
 * x' = (1 - t) (x - s v) + t n from sigma s to t (diffusers' `FlowMatchLCMScheduler`, and `FlowMatchEulerDiscreteScheduler`
 * with `stochastic_sampling`). One evaluation and one draw a step; the last draw, too, is made, and has weight 0 at the
 * data. Meant for few steps: more of them lead to no solution of the flow, hence order 0.
 *
 * Its plan throws LatteFlowError `invalid-argument` for a grid from data to noise.
 */
export function lcm(): Solver {
  return {
    name: 'lcm',
    order: 0,
    stochastic: true,
    plan(step) {
      requireTowardsData('lcm', step);
      const { sigma, sign } = sigmaView(step);
      const next = sigma(step.index + 1);
      return [
        { kind: 'evaluate', node: step.start, sample: { sample: 1 }, into: 'velocity' },
        { kind: 'draw', into: 'noise' },
        {
          kind: 'store',
          slots: { sample: { sample: 1 - next, velocity: (next - 1) * sign * sigma(step.index), noise: next } },
        },
      ];
    },
  };
}
