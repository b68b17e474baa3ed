import { refuseArgument, requireFinite } from '@latte-flow/core';

/** The weights of data and noise in x_t = alpha(t) x_1 + sigma(t) x_0, with derivatives. All figures are float64. */
export interface AffineMean {
  /** Share of the data in x_t. */
  alpha(time: number): number;
  /** Share of the noise in x_t. */
  sigma(time: number): number;
  /** @throws LatteFlowError `invalid-argument` where it is infinite (t = 0 of a polynomial of an exponent below 1). */
  alphaDerivative(time: number): number;
  /** @throws LatteFlowError `invalid-argument` where it is infinite (t = 1 of the variance-preserving paths). */
  sigmaDerivative(time: number): number;
}

/**
 * An affine probability path from noise (t = 0) to data (t = 1): x_t = alpha(t) x_1 + sigma(t) x_0, with x_1 the data
 * and x_0 the noise. Its velocity is u = alpha'(t) x_1 + sigma'(t) x_0.
 */
export interface Path extends AffineMean {
  readonly name: string;
  /**
   * The t with alpha(t) / sigma(t) = snr, negative for less data than the path has at t = 0.
   * @throws LatteFlowError `invalid-argument` unless the ratio is finite and some time has it; t = 1 has none.
   */
  snrInverse(snr: number): number;
}

/** Refuses a ratio alpha / sigma that no time has. */
export function requireSnr(path: string, snr: number): number {
  return requireFinite('snrInverse', `alpha / sigma on the ${path} path`, snr, { min: 0 });
}

/** Refuses a time at which what was asked is not finite. */
export function refuseTime(where: string, expected: string, time: number): never {
  return refuseArgument({
    where,
    expected: `a time at which ${expected}`,
    got: `t = ${time}`,
    remedy: 'Stop short of this end of the path, or take another path.',
    data: { time },
  });
}

/** Refuses t = 1, where sigma' of a variance-preserving path is infinite. */
export function requireBeforeData(path: string, time: number): number {
  return time < 1 ? time : refuseTime('sigmaDerivative', `sigma' of the ${path} path is finite`, time);
}
