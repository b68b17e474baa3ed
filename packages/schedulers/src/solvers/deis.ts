import { requireInteger } from '@latte-flow/core';

import { exponentialMoment } from './exponential-moment.ts';
import { exponentialMultistep, fewerAtEnd } from './exponential-multistep.ts';
import { exactMoments, logSnr } from './exponential-step.ts';
import type { Solver } from './solver.ts';

export interface DeisOptions {
  /** 1, 2 or 3. Default 2. */
  readonly order?: number;
  /** Take the last step with order 1 and the one before with at most 2. Default: in grids of fewer than 15 steps. */
  readonly lowerOrderFinal?: boolean;
}

/**
 * DEIS in log rho (arXiv 2204.13902; diffusers' `DEISMultistepScheduler`): the noise prediction e as the polynomial in
 * lambda = -log rho through its last values, integrated exactly in x' / alpha' = x / alpha + ∫ e drho, rho = sigma / alpha.
 * One evaluation a step. Grids of sigmas or times, in either direction.
 * @throws LatteFlowError `invalid-argument` for an order other than 1, 2, 3.
 */
export function deis({ order = 2, lowerOrderFinal }: DeisOptions = {}): Solver {
  requireInteger('deis', 'order', order, { min: 1, max: 3 });
  return exponentialMultistep({
    name: 'deis',
    order,
    most: (step) => fewerAtEnd(step, lowerOrderFinal ?? step.count < 15),
    predictor: { predictions: order, moments: exactMoments },
    slope: (sigma) => 1 - sigma,
    kernel(from, to) {
      // To the data lambda goes to infinity, but the integrals of lambda^k exp(-lambda) have limits.
      if (to === 0) return { unit: 1, z: 1, scale: from / (from - 1), moment: factorial };
      const unit = logSnr(to) - logSnr(from);
      return { unit, z: -unit, scale: to, moment: (k) => exponentialMoment(k, -unit) };
    },
  });
}

const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1));
