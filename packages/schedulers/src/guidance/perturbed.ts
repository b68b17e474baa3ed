import { requireFinite } from '@latte-flow/core';

import { contrastWeights, type FormOptions } from './contrast.ts';
import { correctedGuidance, isPlain } from './correction.ts';
import type { Branch, Guidance } from './guidance.ts';
import { type GuidanceRange, isWithinSteps, requireRange } from './interval.ts';

export interface PerturbedOptions extends FormOptions {
  /** s. Default 2.8, for all three methods. */
  readonly perturbedScale?: number;
  /**
   * Shares of the run: on at int(start N) < step < int(stop N), strict on the left, so that the first step of the range is
   * left out. Default [0, 1], as for SEG; SLG and PAG have [0.01, 0.2].
   */
  readonly steps?: GuidanceRange;
}

/**
 * Away from a perturbed model under the same prompt, on top of another rule: g + s (v_cond - v_perturbed). Skip-layer
 * guidance (SLG, STG), perturbed attention (PAG) and smoothed energy (SEG) share it and differ in how the caller perturbs
 * the model. As in diffusers, where the other rule asks for v_cond alone the result is v_perturbed +
 * s (v_cond - v_perturbed), or in the `original` form v_cond + s (v_cond - v_perturbed). Needs `step` and `steps`.
 * @throws LatteFlowError `invalid-argument` unless `perturbedScale` is finite and `steps` a range in [0, 1].
 */
export function perturbedGuidance(
  guidance: Guidance,
  { perturbedScale = 2.8, steps = [0, 1], ...options }: PerturbedOptions = {},
): Guidance {
  const where = 'perturbedGuidance';
  const s = requireFinite(where, 'perturbedScale', perturbedScale);
  requireRange(where, 'steps', steps);
  const [, from] = contrastWeights(where, s, options);
  // Over v_cond alone either form is v_cond plus a multiple of the difference too.
  const weight = (branches: readonly Branch[]) => (isPlain(branches) ? -from : s);
  return correctedGuidance(guidance, {
    name: `perturbed(${s})`,
    branches: ['conditional', 'perturbed'],
    isOn: (branches, at) =>
      isWithinSteps(steps, at, { strict: true }) && branches.length > 0 && s !== 0 && weight(branches) !== 0,
    correct: (guided, { conditional, perturbed }, { arithmetic, branches }) =>
      arithmetic.combine([
        [1, guided],
        [weight(branches), conditional],
        [-weight(branches), perturbed],
      ]),
  });
}
