import { requireFinite } from '@latte-flow/core';

import { logitNormalDensity } from './logit-normal.ts';
import type { TimeDensity } from './time-density.ts';

export interface EdmSkewedOptions {
  /** Mean of ln(sigma / (1 - sigma)), `P_mean`. Default -1.2: nearer to the data. */
  readonly mean?: number;
  /** Its standard deviation, `P_std` > 0. Default 1.2. */
  readonly std?: number;
  /** Smaller times are raised to it. Default 1e-4. */
  readonly min?: number;
}

/**
 * EDM's noise levels as times: t = max(min, 1 / (1 + exp(mean + std z))), z standard normal (flow_matching's image
 * example). The little that lies below `min`, 2e-18 by default, is drawn as `min` itself: there the cdf jumps, and the pdf
 * does not hold it.
 * @throws LatteFlowError `invalid-argument` unless `mean` is finite, `std` > 0 and `min` in [0, 1].
 */
export function edmSkewedDensity({ mean = -1.2, std = 1.2, min = 1e-4 }: EdmSkewedOptions = {}): TimeDensity {
  const { pdf, cdf, inverseCdf } = logitNormalDensity({ mean: -mean, std });
  requireFinite('edmSkewedDensity', 'min', min, { min: 0, max: 1 });
  return {
    name: 'edm-skewed',
    pdf: (time) => (time < min ? 0 : pdf(time)),
    cdf: (time) => (time < min ? 0 : cdf(time)),
    inverseCdf: (u) => Math.max(min, inverseCdf(u)),
  };
}
