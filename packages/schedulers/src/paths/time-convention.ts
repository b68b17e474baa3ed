import { requireFinite } from '@latte-flow/core';

/**
 * The one place where the conventions of flow matching meet. This project's time runs from noise (0) to data (1);
 * diffusers' sigma runs from noise (1) to data (0). A velocity changes its sign with the direction:
 * dx/dt = -dx/dsigma. TrigFlow's angle runs from noise (pi/2) to data (0) along x = cos(angle) data + sin(angle) noise.
 */
export type TimeConvention = 'time' | 'sigma' | 'angle';

/**
 * t = 1 - sigma; the same map leads back.
 * @throws LatteFlowError `invalid-argument` unless sigma is in [0, 1].
 */
export function timeOfSigma(sigma: number): number {
  return 1 - requireFinite('timeOfSigma', 'sigma', sigma, { min: 0, max: 1 });
}

/**
 * sigma = 1 - t; the same map leads back.
 * @throws LatteFlowError `invalid-argument` unless t is in [0, 1].
 */
export function sigmaOfTime(time: number): number {
  return 1 - requireFinite('sigmaOfTime', 'time', time, { min: 0, max: 1 });
}

/** The frozen grid of times of a grid of sigmas: a descending one becomes ascending. */
export function timesOfSigmas(sigmas: readonly number[]): readonly number[] {
  return Object.freeze(sigmas.map(timeOfSigma));
}

/** The frozen grid of sigmas of a grid of times. */
export function sigmasOfTimes(times: readonly number[]): readonly number[] {
  return Object.freeze(times.map(sigmaOfTime));
}
