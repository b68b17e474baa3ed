import type { Shape } from '@latte-flow/core';

import type { FloatArray } from '../solvers/float-arrays.ts';
import { type GuidanceArithmetic, requireSampleShape } from './arithmetic.ts';

const mappings = { sqrt: Math.sqrt, exp: Math.exp, atMostOne: (value: number) => Math.min(1, value) };

/** Entry i of `array` as if it were `length` long: factors stand for blocks of equal size. */
const repeated = (array: FloatArray, length: number) => {
  const block = length / array.length;
  return block === 1 ? (i: number) => array[i]! : (i: number) => array[Math.floor(i / block)]!;
};

/** `GuidanceArithmetic` of typed arrays, row by row in C order. Everything is taken in float64. */
export function arrayGuidance(shape: Shape | undefined): GuidanceArithmetic<FloatArray> {
  const sampleSize = (array: FloatArray) => array.length / requireSampleShape(shape)[0]!;
  const sum = (array: FloatArray, block: number) => {
    const sums = new Float64Array(array.length / block);
    array.forEach((value: number, i: number) => (sums[Math.floor(i / block)]! += value));
    return sums;
  };
  return {
    combine(terms) {
      const total = new Float64Array(terms[0]![1].length);
      for (const [coefficient, array] of terms) {
        for (let i = 0; i < total.length; i++) total[i]! += coefficient * array[i]!;
      }
      return total;
    },
    multiply: (array, factors) => {
      const factor = repeated(factors, array.length);
      return Float64Array.from(array, (value, i) => value * factor(i));
    },
    ratio: (numerator, denominator, epsilon = 0) =>
      Float64Array.from(denominator, (value, i) => {
        const below = value + epsilon;
        return below === 0 ? 1 : (typeof numerator === 'number' ? numerator : numerator[i]!) / below;
      }),
    sum: (array, over) => sum(array, over === 'sample' ? sampleSize(array) : requireSampleShape(shape).at(-1)!),
    map: (factors, name) => Float64Array.from(factors, mappings[name]),
    centred(array) {
      const size = sampleSize(array);
      const total = repeated(sum(array, size), array.length);
      return Float64Array.from(array, (value, i) => value - total(i) / size);
    },
    sampleSize,
  };
}
