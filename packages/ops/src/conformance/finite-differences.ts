import { normalNoise } from '@latte-flow/core';

import { hostInputs, type ConformanceCase } from './case.ts';
import type { NdArray } from './reference.ts';

/** Relative to the largest value of the input (1 at most). */
const STEP = 1e-5;

/** The coefficients of a random linear functional of a case's outputs, by output. */
export function functionalOf(outputs: Readonly<Record<string, NdArray>>): Record<string, Float32Array> {
  const entries = Object.entries(outputs).map(
    ([name, { values }], image) => [name, normalNoise(values.length, { seed: 2, image })] as const,
  );
  return Object.fromEntries(entries);
}

function evaluate(outputs: Record<string, NdArray>, functional: Record<string, Float32Array>): number {
  return Object.entries(outputs)
    .map(([name, { values }]) => values.reduce((sum, value, i) => sum + value * functional[name]![i]!, 0))
    .reduce((sum, value) => sum + value, 0);
}

/** Central differences of the functional of the float64 reference, for each differentiable input. */
export function finiteDifferences(conformance: ConformanceCase): Record<string, Float64Array> {
  const arrays = hostInputs(conformance);
  const functional = functionalOf(conformance.reference(arrays));
  const differentiable = Object.keys(arrays).filter((name) => conformance.inputs[name]!.differentiable);
  const gradients = differentiable.map((name) => {
    const { values } = arrays[name]!;
    const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    const step = STEP * Math.min(1, largest);
    const gradient = values.map((value, i) => {
      const valueAt = (moved: number): number => {
        values[i] = moved;
        return evaluate(conformance.reference(arrays), functional);
      };
      const difference = valueAt(value + step) - valueAt(value - step);
      values[i] = value;
      return difference / (value + step - (value - step));
    });
    return [name, gradient] as const;
  });
  return Object.fromEntries(gradients);
}
