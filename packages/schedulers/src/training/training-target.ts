import { requireOneOf } from '@latte-flow/core';

import type { Prediction } from '../paths/conversion.ts';
import { type PathEnds, targetVelocity } from '../paths/interpolation.ts';
import type { AffineMean } from '../paths/path.ts';
import { combineArrays, type FloatArray } from '../arrays/float-array.ts';

/**
 * What a network that predicts `target` about x_t = `interpolate(path, ends)` is trained on, as a new array of the data's
 * kind: the velocity alpha' x_1 + sigma' x_0, the data x_1, or the noise x_0.
 *
 * diffusers' `precondition_outputs` compares data: `convertPrediction(path, { from: 'velocity', to: 'data', … })` of what the
 * network says with the target `data`.
 * @throws LatteFlowError `invalid-argument` for another target, t outside [0, 1] or an infinite velocity, `shape-mismatch`
 * if the lengths differ.
 */
export function trainingTarget<A extends FloatArray>(
  path: AffineMean,
  { target, ...ends }: PathEnds<A> & { readonly target: Exclude<Prediction, 'score'> },
): A {
  requireOneOf('trainingTarget', 'target', target, ['velocity', 'data', 'noise']);
  if (target === 'velocity') return targetVelocity(path, ends);
  const isData = Number(target === 'data');
  return combineArrays('trainingTarget', [
    [isData, ends.data],
    [1 - isData, ends.noise],
  ]) as A;
}
