import { requireInteger } from '@latte-flow/core';

/**
 * The uniform sigma grid 1, 1 - 1/N, …, 1/N, 0: N + 1 frozen numbers for N steps.
 * @throws LatteFlowError `invalid-argument` unless `steps` is an integer >= 1.
 */
export function uniformSigmas(steps: number): readonly number[] {
  requireInteger('uniformSigmas', 'steps', steps, { min: 1 });
  return Object.freeze(Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps));
}
