import { requireInteger } from '@latte-flow/core';

import { contrastWeights, type FormOptions, nonlinearGuidance } from './contrast.ts';
import type { Guidance, GuidancePoint } from './guidance.ts';

export interface CfgZeroStarOptions extends FormOptions {
  /** Steps at the start whose velocity is 0, for which no branch is needed. Default 1. */
  readonly zeroInitSteps?: number;
}

/**
 * CFG-Zero* (Fan et al., 2025): the null velocity of each sample is projected first, s v_null with
 * s = <v_cond, v_null> / (|v_null|^2 + 1e-8), and the first steps stand still. Needs `step`, and `sample` where it stands
 * still.
 * @throws LatteFlowError `invalid-argument` unless `guidanceScale` is finite and `zeroInitSteps` an integer >= 0.
 */
export function cfgZeroStarGuidance(
  guidanceScale: number,
  { zeroInitSteps = 1, ...options }: CfgZeroStarOptions = {},
): Guidance {
  const where = 'cfgZeroStarGuidance';
  const weights = contrastWeights(where, guidanceScale, options);
  requireInteger(where, 'zeroInitSteps', zeroInitSteps, { min: 0 });
  const name = `cfg-zero-star(${guidanceScale})`;
  const projected = nonlinearGuidance(name, weights, (conditional, unconditional, { arithmetic }) => {
    const inner = (a: typeof conditional) => arithmetic.dot(a, unconditional);
    const scale = arithmetic.ratio(inner(conditional), inner(unconditional), 1e-8);
    const velocity = arithmetic.combine([
      [weights[0], conditional],
      [weights[1], arithmetic.multiply(unconditional, scale)],
    ]);
    return { velocity };
  });
  const standsStill = ({ step }: GuidancePoint) =>
    zeroInitSteps > 0 && requireInteger('branchesAt', 'step', step, { min: 0 }) < zeroInitSteps;
  return {
    ...projected,
    branchesAt: (at) => (standsStill(at) ? [] : projected.branches),
    combine: (velocities, context) =>
      standsStill(context.at)
        ? { velocity: context.arithmetic.combine([[0, context.sample!]]) }
        : projected.combine(velocities, context),
  };
}
