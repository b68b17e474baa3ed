import { describeValue, refuseArgument, type Shape } from '@latte-flow/core';

/**
 * What guidance rules need of a kind of array. *Factors* are one number a sample or a row, in an array that broadcasts
 * against the whole one.
 */
export interface GuidanceArithmetic<T> {
  /** The sum of coefficient times array over at least one term, all alike. */
  combine(terms: readonly (readonly [coefficient: number, array: T])[]): T;
  /** Elementwise; `factors` broadcast. */
  multiply(array: T, factors: T): T;
  /** numerator / (denominator + epsilon) of factors, and 1 where that denominator is 0. */
  ratio(numerator: T | number, denominator: T, epsilon?: number): T;
  /** Sums over all axes but the batch, or over the last axis, as factors. */
  sum(array: T, over: 'sample' | 'row'): T;
  map(factors: T, name: 'sqrt' | 'exp' | 'atMostOne'): T;
  /** Each sample less its mean. */
  centred(array: T): T;
  /** Elements of one sample. */
  sampleSize(array: T): number;
}

/** Per-sample (or per-row) inner product. */
export function dot<T>(arithmetic: GuidanceArithmetic<T>, a: T, b: T): T {
  return arithmetic.sum(arithmetic.multiply(a, b), 'sample');
}

/** Euclidean norm of every sample or row. */
export function norm<T>(arithmetic: GuidanceArithmetic<T>, array: T, over: 'sample' | 'row' = 'sample'): T {
  return arithmetic.map(arithmetic.sum(arithmetic.multiply(array, array), over), 'sqrt');
}

/** Unbiased standard deviation of every sample; 0 for samples of one element. */
export function standardDeviation<T>(arithmetic: GuidanceArithmetic<T>, array: T): T {
  const freedom = Math.max(1, arithmetic.sampleSize(array) - 1);
  return arithmetic.combine([[1 / Math.sqrt(freedom), norm(arithmetic, arithmetic.centred(array))]]);
}

/** The shape that reductions need, `[B, …]` with at least two axes. */
export function requireSampleShape(shape: Shape | undefined): Shape {
  if (shape !== undefined && shape.length >= 2) return shape;
  return refuseArgument({
    where: 'guide',
    expected: 'a shape [B, …] of at least two axes: this rule measures every sample',
    got: describeValue(shape),
    remedy: 'Pass the shape of the velocities.',
  });
}
