import { requireFinite, requireInteger } from '@latte-flow/core';

export interface LinearQuadraticOptions {
  /** How much noise the linear part takes away, in (0, 1). Default 0.025. */
  readonly threshold?: number;
  /** Nodes of the linear part. Default half of the steps. */
  readonly linearSteps?: number;
}

/**
 * The schedule of Mochi and LTX-Video: 1 - sigma rises linearly to `threshold` in the first `linearSteps` nodes, then
 * quadratically to 1, with one slope where the parts meet. `steps` frozen numbers without a closing 0, which
 * `customSigmas` appends.
 * @throws LatteFlowError `invalid-argument` unless steps >= 1, `threshold` is in [0, 1] and 1 <= linearSteps <= steps.
 */
export function linearQuadraticSigmas(
  steps: number,
  { threshold = 0.025, linearSteps }: LinearQuadraticOptions = {},
): readonly number[] {
  const where = 'linearQuadraticSigmas';
  requireInteger(where, 'steps', steps, { min: 1 });
  requireFinite(where, 'threshold', threshold, { min: 0, max: 1 });
  const linear = requireInteger(where, 'linearSteps', linearSteps ?? Math.max(1, Math.floor(steps / 2)), {
    min: 1,
    max: steps,
  });
  const rest = steps - linear;
  const slope = threshold / linear;
  const curvature = (linear - threshold * steps) / (linear * rest * rest);
  return Object.freeze(
    Array.from({ length: steps }, (_, i) =>
      i < linear ? 1 - i * slope : 1 - (threshold + slope * (i - linear) + curvature * (i - linear) ** 2),
    ),
  );
}
