import { requireFinite, requirePositive } from '@latte-flow/core';

import { type Path, requireBeforeData, requireSnr } from './path.ts';

export interface VariancePreservingOptions {
  /** Noise rate at the data, > 0. Default 0.1. */
  readonly betaMin?: number;
  /** Noise rate at the noise, at least `betaMin`. Default 20. */
  readonly betaMax?: number;
}

/**
 * The path of the variance-preserving diffusion (Song et al., 2021) with a linear rate: alpha = exp(-T / 2),
 * sigma = sqrt(1 - exp(-T)), T = (1 - t)^2 (betaMax - betaMin) / 2 + (1 - t) betaMin. At t = 0 a little of the data is
 * left (alpha = 0.0066 by default); at t = 1 sigma' is infinite and refused.
 *
 * @throws LatteFlowError `invalid-argument` for rates that are not finite, not positive or in the wrong order.
 */
export function variancePreservingPath({ betaMin = 0.1, betaMax = 20 }: VariancePreservingOptions = {}): Path {
  const name = 'variance-preserving';
  requirePositive('variancePreservingPath', 'betaMin', betaMin);
  requireFinite('variancePreservingPath', 'betaMax', betaMax, { min: betaMin });
  const growth = betaMax - betaMin;
  const exposure = (time: number) => (1 - time) * (((1 - time) * growth) / 2 + betaMin);
  const halfRate = (time: number) => ((1 - time) * growth + betaMin) / 2;
  const alpha = (time: number) => Math.exp(-exposure(time) / 2);
  const sigma = (time: number) => Math.sqrt(-Math.expm1(-exposure(time)));
  return {
    name,
    alpha,
    sigma,
    alphaDerivative: (time) => halfRate(time) * alpha(time),
    sigmaDerivative: (time) => (-halfRate(time) * alpha(time) ** 2) / sigma(requireBeforeData(name, time)),
    snrInverse(snr) {
      const reached = Math.log1p(1 / requirePositive('snrInverse', `alpha / sigma on the ${name} path`, snr) ** 2);
      // The conjugate of the root that would cancel.
      return 1 - (2 * reached) / (betaMin + Math.sqrt(betaMin ** 2 + 2 * growth * reached));
    },
  };
}

/** x_t = t x_1 + sqrt(1 - t^2) x_0. At t = 1 sigma' is infinite and refused. */
export const linearVariancePreservingPath: Path = {
  name: 'linear-variance-preserving',
  alpha: (time) => time,
  sigma: (time) => Math.sqrt((1 - time) * (1 + time)),
  alphaDerivative: () => 1,
  sigmaDerivative: (time) =>
    -requireBeforeData('linear-variance-preserving', time) / Math.sqrt((1 - time) * (1 + time)),
  snrInverse: (snr) => requireSnr('linear-variance-preserving', snr) / Math.hypot(1, snr),
};
