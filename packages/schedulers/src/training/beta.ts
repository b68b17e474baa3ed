import { betaDistribution } from '../distributions/beta.ts';
import type { TimeDensity } from './time-density.ts';

/**
 * Times from the beta distribution with density t^(alpha - 1) (1 - t)^(beta - 1) / B(alpha, beta).
 * pi0's is `affineDensity(betaDensity({ alpha: 1.5, beta: 1 }), { scale: 0.999, offset: 0.001 })` in openpi's time, which
 * runs from data to noise: `reversedDensity` turns it.
 * @throws LatteFlowError `invalid-argument` unless both are in [0.001, 10000].
 */
export function betaDensity(parameters: { readonly alpha: number; readonly beta: number }): TimeDensity {
  const { pdf, cdf, quantile } = betaDistribution(parameters);
  return { name: 'beta', pdf, cdf, inverseCdf: quantile };
}
