import { requireFinite } from '@latte-flow/core';

import { norm } from './arithmetic.ts';
import { contrastWeights, type FormOptions, nonlinearGuidance } from './contrast.ts';
import type { Guidance } from './guidance.ts';

export interface AdaptiveProjectedOptions extends FormOptions {
  /** Share of the difference's part along v_cond that is kept. Default 1: all of it. */
  readonly eta?: number;
  /** Largest norm of a sample's difference; 0 (default) is no limit, the paper has 15. */
  readonly normThreshold?: number;
  /** beta; makes the rule stateful. Default none; the paper has -0.5. */
  readonly momentum?: number;
}

/**
 * Adaptive projected guidance (Sadat et al., 2024) as diffusers has it: d = v_cond - v_null, with momentum
 * m = d + beta m_previous in its place; d shortened to `normThreshold`; v = v_null + w (d_orthogonal + eta d_parallel) along
 * v_cond. eta = 1 without the rest is classifier-free guidance. The state is m: pass what an evaluation returns to the next
 * one, nothing to the first.
 * @throws LatteFlowError `invalid-argument` for numbers that are not finite or a negative threshold.
 */
export function adaptiveProjectedGuidance(
  guidanceScale: number,
  { eta = 1, normThreshold = 0, momentum, ...options }: AdaptiveProjectedOptions = {},
): Guidance {
  const where = 'adaptiveProjectedGuidance';
  const weights = contrastWeights(where, guidanceScale, options);
  requireFinite(where, 'eta', eta);
  requireFinite(where, 'normThreshold', normThreshold, { min: 0 });
  if (momentum !== undefined) requireFinite(where, 'momentum', momentum);
  const rule = nonlinearGuidance(`apg(${guidanceScale})`, weights, (conditional, unconditional, context) => {
    const { arithmetic, state } = context;
    const difference = arithmetic.combine([
      [1, conditional],
      [-1, unconditional],
      ...(momentum === undefined || state === undefined ? [] : [[momentum, state] as const]),
    ]);
    const factor = (array: typeof difference) =>
      arithmetic.map(arithmetic.ratio(normThreshold, norm(arithmetic, array)), 'atMostOne');
    const update = normThreshold > 0 ? arithmetic.multiply(difference, factor(difference)) : difference;
    const along = arithmetic.ratio(arithmetic.dot(update, conditional), arithmetic.dot(conditional, conditional));
    const velocity = arithmetic.combine([
      [1, options.form === 'original' ? conditional : unconditional],
      [guidanceScale, update],
      ...(eta === 1 ? [] : [[guidanceScale * (eta - 1), arithmetic.multiply(conditional, along)] as const]),
    ]);
    return momentum === undefined ? { velocity } : { velocity, state: difference };
  });
  return { ...rule, stateful: momentum !== undefined && weights[1] !== 0 };
}
