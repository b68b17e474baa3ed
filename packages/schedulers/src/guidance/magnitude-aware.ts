import { requireFinite } from '@latte-flow/core';

import { norm } from './arithmetic.ts';
import { contrastWeights, type FormOptions, nonlinearGuidance } from './contrast.ts';
import type { Guidance } from './guidance.ts';

export interface MagnitudeAwareOptions extends FormOptions {
  /** How fast a large difference damps the scale. Default 8. */
  readonly alpha?: number;
}

/** Keeps the ratio finite where v_null is 0: the damping is complete there. */
const TINY = 1e-30;

/**
 * Magnitude-aware guidance (MAMBO-G, 2025): classifier-free guidance whose scale each sample damps,
 * w -> 1 + (w - 1) exp(-alpha |v_cond - v_null| / |v_null|); in the `original` form w -> w exp(…).
 * @throws LatteFlowError `invalid-argument` unless `guidanceScale` is finite and `alpha` finite and >= 0.
 */
export function magnitudeAwareGuidance(
  guidanceScale: number,
  { alpha = 8, ...options }: MagnitudeAwareOptions = {},
): Guidance {
  const where = 'magnitudeAwareGuidance';
  const weights = contrastWeights(where, guidanceScale, options);
  requireFinite(where, 'alpha', alpha, { min: 0 });
  return nonlinearGuidance(`mambo-g(${guidanceScale})`, weights, (conditional, unconditional, { arithmetic }) => {
    const difference = arithmetic.combine([
      [1, conditional],
      [-1, unconditional],
    ]);
    const ratio = arithmetic.ratio(norm(arithmetic, difference), norm(arithmetic, unconditional), TINY);
    const damping = arithmetic.map(arithmetic.combine([[-alpha, ratio]]), 'exp');
    // In either form the result is v_cond plus a multiple of the difference, that of v_null with its sign turned.
    const velocity = arithmetic.combine([
      [1, conditional],
      [-weights[1], arithmetic.multiply(difference, damping)],
    ]);
    return { velocity };
  });
}
