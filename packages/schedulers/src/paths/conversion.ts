import { describeValue, refuseArgument, requireFinite } from '@latte-flow/core';

import { combineArrays, type FloatArray } from '../solvers/float-arrays.ts';
import type { Path } from './path.ts';

/** What a network may predict about x_t. */
export type Prediction = 'velocity' | 'data' | 'noise';

type Row = readonly [data: number, noise: number];

/** A prediction as a linear function of the data and the noise. */
function rowOf(path: Path, prediction: Prediction, time: number): Row {
  switch (prediction) {
    case 'data':
      return [1, 0];
    case 'noise':
      return [0, 1];
    case 'velocity':
      return [path.alphaDerivative(time), path.sigmaDerivative(time)];
    default:
      return refuseArgument({
        where: 'conversionCoefficients',
        expected: 'from and to to be one of velocity, data, noise',
        got: describeValue(prediction),
        remedy: 'Choose one of velocity, data, noise.',
      });
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
 * (data, noise), so a and b solve a 2 x 2 system. All six conversions of any affine path.
 *
 * @throws LatteFlowError `invalid-argument` if t is outside [0, 1], or where `from` and x_t do not determine `to` (data
 * at t = 1, noise at t = 0).
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
  const determinant = sample[0] * given[1] - sample[1] * given[0];
  const a = (target[0] * given[1] - target[1] * given[0]) / determinant;
  const b = (sample[0] * target[1] - sample[1] * target[0]) / determinant;
  if (Number.isFinite(a) && Number.isFinite(b)) return { sample: a, prediction: b };
  return refuseArgument({
    where: 'conversionCoefficients',
    expected: `a time at which the ${from} and x_t of the ${path.name} path determine the ${to}`,
    got: `t = ${time}`,
    remedy: 'Stop short of the singular end, or predict the velocity.',
    data: { path: path.name, from, to, time },
  });
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
