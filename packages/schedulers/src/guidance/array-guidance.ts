import type { Shape } from '@latte-flow/core';

import type { FloatArray } from '../arrays/float-array.ts';
import { type GuidanceArithmetic, requireSampleShape } from './arithmetic.ts';

const mappings = { sqrt: Math.sqrt, exp: Math.exp, atMostOne: (value: number) => Math.min(1, value) };

/** `GuidanceArithmetic` of typed arrays in C order. Everything is taken in float64. */
export function arrayGuidance(shape: Shape | undefined): GuidanceArithmetic<FloatArray> {
  /** `of(i)` summed over samples or rows. */
  const sums = (length: number, over: 'sample' | 'row', of: (i: number) => number) => {
    const axes = requireSampleShape(shape);
    const totals = new Float64Array(over === 'sample' ? axes[0]! : length / axes.at(-1)!);
    const block = length / totals.length;
    for (let i = 0; i < length; i++) totals[Math.floor(i / block)]! += of(i);
    return totals;
  };
  return {
    combine(terms) {
      const total = new Float64Array(terms[0]![1].length);
      for (const [coefficient, array] of terms) {
        for (let i = 0; i < total.length; i++) total[i]! += coefficient * array[i]!;
      }
      return total;
    },
    multiply(array, factors) {
      const block = array.length / factors.length;
      return Float64Array.from(array, (value, i) => value * factors[Math.floor(i / block)]!);
    },
    ratio: (numerator, denominator, epsilon = 0) =>
      Float64Array.from(denominator, (value, i) => {
        const below = value + epsilon;
        return below === 0 ? 1 : (typeof numerator === 'number' ? numerator : numerator[i]!) / below;
      }),
    dot: (a, b, over = 'sample') => sums(a.length, over, (i) => a[i]! * b[i]!),
    deviation(array) {
      const { length } = array;
      const totals = sums(length, 'sample', (i) => array[i]!);
      const size = length / totals.length;
      const squares = sums(length, 'sample', (i) => (array[i]! - totals[Math.floor(i / size)]! / size) ** 2);
      return squares.map((square) => Math.sqrt(square / Math.max(1, size - 1)));
    },
    map: (factors, name) => Float64Array.from(factors, mappings[name]),
  };
}
