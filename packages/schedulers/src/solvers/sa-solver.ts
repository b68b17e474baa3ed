import { requireFinite, requireInteger } from '@latte-flow/core';

import { exponentialMultistep, fewerAtEnd, type Moments } from './exponential-multistep.ts';
import { exactMoments } from './exponential-step.ts';
import type { Solver } from './solver.ts';

export interface SASolverOptions {
  /** Data predictions that the predictor uses, 1 to 4. Default 2. */
  readonly predictorOrder?: number;
  /** Data predictions that the corrector uses, the one at the end of the step included, 1 to 4. Default 2. */
  readonly correctorOrder?: number;
  /** Strength of the noise in a step from this sigma, >= 0; 0 is the ODE. Default 1 in [0.2, 0.8], else 0. */
  readonly tau?: (sigma: number) => number;
  /** Lower the orders in the last steps, the predictor's down to 1 in the last. Default true. */
  readonly lowerOrderFinal?: boolean;
}

/**
 * SA-Solver in data predictions (arXiv 2309.05019; diffusers' `SASolverScheduler`): stochastic Adams-Bashforth predictor and
 * Adams-Moulton corrector, one evaluation and one draw a step; the corrector takes the noise of the step it corrects. Where
 * one difference of predictions is weighted, half the step takes the place of its exact integral, as upstream. Grids of
 * sigmas or times, from noise to data.
 * @throws LatteFlowError `invalid-argument` for an order other than 1, 2, 3, 4; in a step for a tau that is not finite and >= 0.
 */
export function saSolver({
  predictorOrder = 2,
  correctorOrder = 2,
  tau = (sigma) => Number(sigma >= 0.2 && sigma <= 0.8),
  lowerOrderFinal = true,
}: SASolverOptions = {}): Solver {
  requireInteger('saSolver', 'predictorOrder', predictorOrder, { min: 1, max: 4 });
  requireInteger('saSolver', 'correctorOrder', correctorOrder, { min: 1, max: 4 });
  const moments: Moments = (count, kernel) => (count === 1 ? [kernel.z / 2] : exactMoments(count, kernel));
  return exponentialMultistep({
    name: 'sa-solver',
    order: Math.min(predictorOrder + 1, correctorOrder),
    stochastic: true,
    tau: (sigma) => requireFinite('saSolver', 'tau(sigma)', tau(sigma), { min: 0 }),
    most: (step) => fewerAtEnd(step, lowerOrderFinal),
    predictor: { predictions: predictorOrder, moments },
    corrector: {
      predictions: Math.max(1, correctorOrder - 1),
      moments: correctorOrder === 1 ? (_, { moment }) => [moment(0)] : moments,
      corrects: () => true,
    },
  });
}
