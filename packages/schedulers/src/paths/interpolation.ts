import { requireFinite } from '@latte-flow/core';

import { combineArrays, type FloatArray } from '../arrays/float-array.ts';
import type { AffineMean } from './path.ts';

export interface PathEnds<A extends FloatArray> {
  /** x_1 */
  readonly data: A;
  /** x_0, as long as the data. */
  readonly noise: FloatArray;
  /** t in [0, 1], noise to data. */
  readonly time: number;
}

/**
 * x_t = alpha(t) x_1 + sigma(t) x_0, as a new array of the data's kind.
 * @throws LatteFlowError `invalid-argument` for t outside [0, 1], `shape-mismatch` if the lengths differ.
 */
export function interpolate<A extends FloatArray>(path: AffineMean, { data, noise, time }: PathEnds<A>): A {
  requireFinite('interpolate', 'time', time, { min: 0, max: 1 });
  return combineArrays('interpolate', [
    [path.alpha(time), data],
    [path.sigma(time), noise],
  ]) as A;
}

/**
 * u = alpha'(t) x_1 + sigma'(t) x_0, what a velocity network is trained on, as a new array of the data's kind.
 * @throws LatteFlowError `invalid-argument` for t outside [0, 1] or where the velocity is infinite, `shape-mismatch` if
 * the lengths differ.
 */
export function targetVelocity<A extends FloatArray>(path: AffineMean, { data, noise, time }: PathEnds<A>): A {
  requireFinite('targetVelocity', 'time', time, { min: 0, max: 1 });
  return combineArrays('targetVelocity', [
    [path.alphaDerivative(time), data],
    [path.sigmaDerivative(time), noise],
  ]) as A;
}
