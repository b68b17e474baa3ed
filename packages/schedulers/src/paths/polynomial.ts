import { requirePositive } from '@latte-flow/core';

import { type Path, refuseTime, requireSnr } from './path.ts';

/**
 * x_t = t^n x_1 + (1 - t^n) x_0; an exponent of 1 is the linear path. Below 1 the velocity is infinite at t = 0, and refused
 * there.
 * @throws LatteFlowError `invalid-argument` unless the exponent is finite and > 0.
 */
export function polynomialPath(exponent: number): Path {
  const n = requirePositive('polynomialPath', 'exponent', exponent);
  const slope = (time: number): number => {
    const value = n * time ** (n - 1);
    return value < Infinity ? value : refuseTime('alphaDerivative', `t^${n} has a finite slope`, time);
  };
  return {
    name: 'polynomial',
    alpha: (time) => time ** n,
    sigma: (time) => 1 - time ** n,
    alphaDerivative: slope,
    sigmaDerivative: (time) => -slope(time),
    snrInverse: (snr) => (requireSnr('polynomial', snr) / (1 + snr)) ** (1 / n),
  };
}
