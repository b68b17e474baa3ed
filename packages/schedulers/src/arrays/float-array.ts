import { describeValue, LatteFlowError, refuseArgument } from '@latte-flow/core';

/** State on the host. Sums are taken in float64 and rounded once to the array's own precision. */
export type FloatArray = Float32Array | Float64Array;

export function requireFloatArray(where: string, name: string, array: unknown): FloatArray {
  if (array instanceof Float32Array || array instanceof Float64Array) return array;
  return refuseArgument({
    where,
    expected: `${name} to be a Float32Array or a Float64Array`,
    got: describeValue(array),
    remedy: 'Copy the values into one.',
  });
}

/** Refuses an array that does not hold one number for each of `length` elements. */
export function requireLength(where: string, array: ArrayLike<number>, length: number, name = 'an array'): void {
  if (array.length === length) return;
  throw new LatteFlowError('shape-mismatch', {
    where,
    expected: `${name} of ${length} elements`,
    got: `${array.length} elements`,
    remedy: 'Pass one number for each element.',
    data: { length: array.length, expected: length },
  });
}

export const alike = (values: ArrayLike<number>, like: FloatArray): FloatArray =>
  like instanceof Float64Array ? new Float64Array(values) : new Float32Array(values);

/**
 * The sum of coefficient times array, as a new array of the first one's kind.
 * @throws LatteFlowError `invalid-argument` for other kinds of array, `shape-mismatch` if the lengths differ.
 */
export function combineArrays(where: string, terms: readonly (readonly [number, FloatArray])[]): FloatArray {
  const first = requireFloatArray(where, 'sample', terms[0]?.[1]);
  const sum = new Float64Array(first.length);
  for (const [coefficient, array] of terms) {
    requireLength(where, requireFloatArray(where, 'every array', array), first.length);
    for (let i = 0; i < sum.length; i++) sum[i]! += coefficient * array[i]!;
  }
  return first instanceof Float64Array ? sum : new Float32Array(sum);
}
