import { requireFinite, requireInteger } from '@latte-flow/core';

/**
 * The step at which an image-to-image run of `steps` steps begins: strength 1 is the whole run, from pure noise; 0 none of
 * it. Take the grid from this node on, and begin with `addNoise` at its first sigma.
 * @throws LatteFlowError `invalid-argument` unless steps is an integer >= 1 and `strength` is in [0, 1].
 */
export function startOfStrength(steps: number, strength: number): number {
  requireInteger('startOfStrength', 'steps', steps, { min: 1 });
  requireFinite('startOfStrength', 'strength', strength, { min: 0, max: 1 });
  return Math.trunc(steps - steps * strength);
}
