import { requireFinite, requireOneOf } from '@latte-flow/core';

import { combineArrays, type FloatArray } from '../arrays/float-array.ts';
import { type Path, refuseTime } from './path.ts';

/** What a network may predict about x_t. The score is the gradient of log p_t, -noise / sigma. */
export type Prediction = (typeof predictions)[number];
const predictions = ['velocity', 'data', 'noise', 'score'] as const;

type Row = readonly [data: number, noise: number];

/** A prediction as a linear function of the data and the noise. */
function rowOf(path: Path, prediction: Prediction, time: number): Row {
  switch (requireOneOf('conversionCoefficients', 'from and to', prediction, predictions)) {
    case 'data':
      return [1, 0];
    case 'noise':
    case 'score':
      return [0, 1];
    case 'velocity':
      return [path.alphaDerivative(time), path.sigmaDerivative(time)];
  }
}

export interface Conversion {
  readonly from: Prediction;
  readonly to: Prediction;
  /** t in [0, 1], noise to data. */
  readonly time: number;
}

/**
 * The two float64 numbers a and b with `to = a x_t + b from`: each prediction, and x_t itself, is linear in
 * (data, noise), so a and b solve a 2 x 2 system; a score is a noise divided by -sigma. All twelve conversions of any
 * affine path. At t = 1 a score gives a noise of 0, as the expectation that it stands for is.
 *
 * @throws LatteFlowError `invalid-argument` if t is outside [0, 1], where `from` and x_t do not determine `to` (data
 * at t = 1, noise at t = 0), or where the path's own velocity is infinite.
 */
export function conversionCoefficients(
  path: Path,
  { from, to, time }: Conversion,
): { sample: number; prediction: number } {
  requireFinite('conversionCoefficients', 'time', time, { min: 0, max: 1 });
  const target = rowOf(path, to, time);
  const given = rowOf(path, from, time);
  if (from === to) return { sample: 0, prediction: 1 };
  const sample: Row = [path.alpha(time), path.sigma(time)];
  const same = target[0] === given[0] && target[1] === given[1];
  const determinant = sample[0] * given[1] - sample[1] * given[0];
  const a = same ? 0 : (target[0] * given[1] - target[1] * given[0]) / determinant;
  const b = same ? 1 : (sample[0] * target[1] - sample[1] * target[0]) / determinant;
  const unit = to === 'score' ? -1 / sample[1] : 1;
  const conversion = { sample: a * unit, prediction: b * unit * (from === 'score' ? -sample[1] : 1) };
  if (Number.isFinite(conversion.sample) && Number.isFinite(conversion.prediction)) return conversion;
  return refuseTime('conversionCoefficients', `the ${from} and x_t of the ${path.name} path determine the ${to}`, time);
}

/**
 * Converts what a network predicted about `sample` (x_t) into another quantity. Returns a new array of `sample`'s kind.
 * @throws LatteFlowError `invalid-argument` as `conversionCoefficients`, `shape-mismatch` if the lengths differ.
 */
export function convertPrediction<A extends FloatArray>(
  path: Path,
  { sample, prediction, ...conversion }: Conversion & { readonly sample: A; readonly prediction: FloatArray },
): A {
  const weights = conversionCoefficients(path, conversion);
  return combineArrays('convertPrediction', [
    [weights.sample, sample],
    [weights.prediction, prediction],
  ]) as A;
}
