import { refuseArgument, requireFinite, requireInteger } from '@latte-flow/core';

import type { Tolerance } from './arithmetic.ts';

export interface StepControlOptions extends Partial<Tolerance> {
  /** The error of a step relative to |x|. Default 1e-5. */
  readonly rtol?: number;
  /** The error of a step in the units of x. Default 1e-5. */
  readonly atol?: number;
  /** Gains of the PID controller on the logarithm of the error; 0, 1, 0 (the default) looks at the last error alone. */
  readonly pcoeff?: number;
  readonly icoeff?: number;
  readonly dcoeff?: number;
  /** How much the step may shrink or grow at once. Default 0.2 and 10. */
  readonly factorMin?: number;
  readonly factorMax?: number;
  /** What the optimal step is multiplied by, in (0, 1]. Default 0.9. */
  readonly safety?: number;
  /** Tries, rejected ones included, before the run is given up. Default 4096. */
  readonly maxSteps?: number;
}

export interface StepControl extends Tolerance {
  readonly maxSteps: number;
  /**
   * By how much the next step is longer than the one whose error norm is `norms[0]`; before it come the norms of the last
   * accepted steps. `held`: this step was tried longer before, so the next one may not grow.
   */
  factor(norms: readonly [number, number, number], held: boolean): number;
}

/**
 * The PID step controller (Söderlind, "Digital filters in adaptive time-stepping", 2003): the factor is
 * safety e_n^-(p+i+d)/k e_(n-1)^(p+2d)/k e_(n-2)^-d/k, with k one more than the order of the error estimate.
 * @throws LatteFlowError `invalid-argument` for an option out of its range, or rtol = atol = 0.
 */
export function stepControl(where: string, options: StepControlOptions & { readonly exponent: number }): StepControl {
  const { rtol = 1e-5, atol = 1e-5, pcoeff = 0, icoeff = 1, dcoeff = 0, exponent } = options;
  const { factorMin = 0.2, factorMax = 10, safety = 0.9, maxSteps = 4096 } = options;
  const least = { rtol, atol, pcoeff, icoeff, dcoeff };
  for (const [name, value] of Object.entries(least)) requireFinite(where, name, value, { min: 0 });
  for (const [name, value] of Object.entries({ factorMin, safety }))
    requireFinite(where, name, value, { min: 1e-3, max: 1 });
  requireFinite(where, 'factorMax', factorMax, { min: 1 });
  requireInteger(where, 'maxSteps', maxSteps, { min: 1 });
  if (rtol + atol === 0) {
    refuseArgument({
      where,
      expected: 'rtol or atol above 0',
      got: 'both 0',
      remedy: 'Pass the error that you allow.',
    });
  }
  return {
    rtol,
    atol,
    maxSteps,
    factor([norm, last, before], held) {
      const wanted =
        safety *
        norm ** (-(pcoeff + icoeff + dcoeff) / exponent) *
        last ** ((pcoeff + 2 * dcoeff) / exponent) *
        before ** (-dcoeff / exponent);
      const most = norm < 1 ? (held ? 1 : factorMax) : safety;
      // A norm that is not finite: the step left the velocity's domain, try one much shorter.
      return Number.isFinite(norm) ? Math.min(most, Math.max(factorMin, wanted)) : factorMin;
    },
  };
}
