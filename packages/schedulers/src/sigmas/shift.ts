import { requireFinite, requireOneOf, requirePositive } from '@latte-flow/core';

import { requireNodes } from './nodes.ts';

/** k sigma / (1 + (k - 1) sigma), for any sigma in [0, 1]; 0 and 1 stay in place exactly. */
export function shiftSigma(sigma: number, shift: number): number {
  return sigma === 1 ? 1 : (shift * sigma) / (1 + (shift - 1) * sigma);
}

/**
 * The static shift of Stable Diffusion 3: sigma -> k sigma / (1 + (k - 1) sigma), which spends more steps near the
 * noise for k > 1 and keeps 0 and 1 in place. Returns a frozen grid.
 * @throws LatteFlowError `invalid-argument` unless `shift` > 0 and `sigmas` is a strictly monotone grid in [0, 1].
 */
export function shiftSigmas(sigmas: readonly number[], shift: number): readonly number[] {
  requirePositive('shiftSigmas', 'shift', shift);
  requireNodes('shiftSigmas', 'sigmas', sigmas);
  return Object.freeze(sigmas.map((sigma) => shiftSigma(sigma, shift)));
}

/** `exponential` reads mu as the logarithm of the shift (FLUX.1), `linear` as the shift itself (CogView4). */
export type TimeShift = 'exponential' | 'linear';

export interface DynamicShift {
  readonly mu: number;
  /** Default `exponential`. */
  readonly type?: TimeShift;
}

/** The static shift that a dynamic one amounts to: m / (m + (1 / sigma - 1)) is the shift of factor m. */
export function shiftOfMu(where: string, { mu, type = 'exponential' }: DynamicShift): number {
  requireFinite(where, 'mu', mu);
  const exponential = requireOneOf(where, 'type', type, ['exponential', 'linear']) === 'exponential';
  return requirePositive(where, exponential ? 'exp(mu)' : 'mu', exponential ? Math.exp(mu) : mu);
}

/**
 * The dynamic shift, by a mu that depends on the resolution (`calculateShift`): sigma -> m / (m + (1 / sigma - 1)) with
 * m = exp(mu) or mu. Returns a frozen grid.
 * @throws LatteFlowError `invalid-argument` for a mu that is not finite, not above 0 if `linear`, or a bad grid.
 */
export function shiftSigmasByMu(sigmas: readonly number[], shift: DynamicShift): readonly number[] {
  return shiftSigmas(sigmas, shiftOfMu('shiftSigmasByMu', shift));
}
