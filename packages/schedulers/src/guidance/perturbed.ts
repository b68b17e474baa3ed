import { requireFinite } from '@latte-flow/core';

import { contrastWeights, type FormOptions, linearGuidance } from './contrast.ts';
import type { Guidance, GuidancePoint } from './guidance.ts';
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
  const [to, from] = contrastWeights(where, s, options);
  const alone = linearGuidance('', { conditional: to, perturbed: from });
  const isOn = (at: GuidancePoint) =>
    s !== 0 && isWithinSteps(steps, at, { strict: true }) && guidance.branchesAt(at).length > 0;
  const isAlone = (at: GuidancePoint) => guidance.branchesAt(at).every((branch) => branch === 'conditional');
  return {
    ...guidance,
    name: `${guidance.name} perturbed(${s})`,
    branches: [...new Set([...guidance.branches, 'conditional' as const, 'perturbed' as const])],
    branchesAt(at) {
      if (!isOn(at)) return guidance.branchesAt(at);
      if (isAlone(at)) return alone.branches;
      return [...new Set([...guidance.branchesAt(at), 'conditional' as const, 'perturbed' as const])];
    },
    combine(velocities, context) {
      if (!isOn(context.at)) return guidance.combine(velocities, context);
      if (isAlone(context.at)) return alone.combine(velocities, context);
      const guided = guidance.combine(velocities, context);
      const velocity = context.arithmetic.combine([
        [1, guided.velocity],
        [s, velocities.conditional],
        [-s, velocities.perturbed],
      ]);
      return { ...guided, velocity };
    },
  };
}
