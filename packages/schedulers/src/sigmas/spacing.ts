import { refuseArgument, requireInteger, requirePositive } from '@latte-flow/core';

import { betaDistribution } from '../distributions/beta.ts';

/** The ends of a spacing, noise first. Values above 1 are those of EDM, where x = data + sigma noise. */
export interface SpacingEnds {
  /** First value. Default 1. */
  readonly max?: number;
  /** Last value, > 0: 0 is no part of the spacing, and `customSigmas` appends it. */
  readonly min: number;
}

/** `steps` values at the ramp 0 … 1 between the two ends. */
function spaced(
  where: string,
  steps: number,
  { max = 1, min }: SpacingEnds,
  value: (ramp: number, max: number, min: number) => number,
): readonly number[] {
  requireInteger(where, 'steps', steps, { min: 1 });
  requirePositive(where, 'min', min);
  requirePositive(where, 'max', max);
  if (min > max || (min === max && steps > 1)) {
    refuseArgument({
      where,
      expected: 'min < max',
      got: `min ${min} and max ${max}`,
      remedy: 'Pass the noisy end as max, the clean one as min.',
    });
  }
  return Object.freeze(Array.from({ length: steps }, (_, i) => value(steps === 1 ? 0 : i / (steps - 1), max, min)));
}

/**
 * Karras et al. (2022), equation 5: (max^(1/rho) + r (min^(1/rho) - max^(1/rho)))^rho, `steps` numbers without a closing 0.
 * @throws LatteFlowError `invalid-argument` unless steps >= 1, 0 < min < max and rho > 0.
 */
export function karrasSigmas(
  steps: number,
  { rho = 7, ...ends }: SpacingEnds & { readonly rho?: number },
): readonly number[] {
  const root = 1 / requirePositive('karrasSigmas', 'rho', rho);
  return spaced('karrasSigmas', steps, ends, (r, max, min) => (max ** root + r * (min ** root - max ** root)) ** rho);
}

/**
 * Equal ratios: exp(ln max + r (ln min - ln max)), `steps` numbers without a closing 0.
 * @throws LatteFlowError `invalid-argument` unless steps >= 1 and 0 < min < max.
 */
export function exponentialSigmas(steps: number, ends: SpacingEnds): readonly number[] {
  return spaced('exponentialSigmas', steps, ends, (r, max, min) =>
    Math.exp(Math.log(max) + r * (Math.log(min) - Math.log(max))),
  );
}

/**
 * Beta sampling (Lee et al., 2024): min + (max - min) times the quantile of Beta(alpha, beta) at 1 - r, `steps` numbers
 * without a closing 0.
 * @throws LatteFlowError `invalid-argument` unless steps >= 1 and 0 < min < max, or for a bad shape.
 */
export function betaSigmas(
  steps: number,
  { alpha = 0.6, beta = 0.6, ...ends }: SpacingEnds & { readonly alpha?: number; readonly beta?: number },
): readonly number[] {
  const { quantile } = betaDistribution({ alpha, beta });
  return spaced('betaSigmas', steps, ends, (r, max, min) => min + quantile(1 - r) * (max - min));
}
