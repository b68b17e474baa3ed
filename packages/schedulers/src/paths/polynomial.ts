import { requireFinite } from '@latte-flow/core';

import { type Path, requireSnr } from './path.ts';

/**
 * x_t = t^n x_1 + (1 - t^n) x_0; an exponent of 1 is the linear path.
 * @throws LatteFlowError `invalid-argument` unless the exponent is finite and at least 1, below which the velocity is
 * infinite at t = 0.
 */
export function polynomialPath(exponent: number): Path {
  const n = requireFinite('polynomialPath', 'exponent', exponent, { min: 1 });
  const slope = (time: number) => n * time ** (n - 1);
  return {
    name: 'polynomial',
    alpha: (time) => time ** n,
    sigma: (time) => 1 - time ** n,
    alphaDerivative: slope,
    sigmaDerivative: (time) => -slope(time),
    snrInverse: (snr) => (requireSnr('polynomial', snr) / (1 + snr)) ** (1 / n),
  };
}
