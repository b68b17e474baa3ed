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
  /** Inner product of every sample, or of every row (last axis), as factors. */
  dot(a: T, b: T, over?: 'sample' | 'row'): T;
  /** Unbiased standard deviation of every sample as factors; 0 for samples of one element. */
  deviation(array: T): T;
  map(factors: T, name: 'sqrt' | 'exp' | 'atMostOne'): T;
}

/** Euclidean norm of every sample or row. */
export function norm<T>(arithmetic: GuidanceArithmetic<T>, array: T, over?: 'sample' | 'row'): T {
  return arithmetic.map(arithmetic.dot(array, array, over), 'sqrt');
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
