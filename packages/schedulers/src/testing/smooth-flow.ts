import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from '../solvers/float-arrays.ts';
import { integrate } from '../solvers/integrate.ts';
import type { Solver } from '../solvers/solver.ts';
import { type NoiseSource, stepperOf } from '../solvers/stepper.ts';

/** dx/dsigma of one element. */
export type Field = (x: number, sigma: number) => number;

/** Smooth and bounded, with no closed solution: what the orders of solvers are measured on. */
export const smoothField: Field = (x, sigma) => Math.tanh(1.3 * x + 0.5 * sigma) - 0.2 * x;
export const smoothStart: Float64Array = new Float64Array([0.5, -1.25, 2, -0.75, 0.1, 1.5]);

/** Noise that is all zeros. */
export const silence: NoiseSource = (_, length) => new Float64Array(length);

export const sigmaOfLogSnr = (lambda: number): number => 1 / (1 + Math.exp(lambda));
export const logSnrOf = (sigma: number): number => Math.log((1 - sigma) / sigma);

export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

/** The smooth field's solution over a grid of sigmas. */
export async function runOver(
  solver: Solver,
  sigmas: readonly number[],
  { sample = smoothStart, noise = silence }: { readonly sample?: Float64Array; readonly noise?: NoiseSource } = {},
): Promise<Float64Array> {
  const velocity = (x: FloatArray, sigma: number) => x.map((value) => smoothField(value, sigma));
  return (await integrate(solver, { sigmas, sample, velocity, noise })).sample;
}

/** x at the start and after every evaluation, for solvers with one a step. */
export function samplesOver(
  solver: Solver,
  sigmas: readonly number[],
  { field, sample }: { readonly field: Field; readonly sample: number },
): readonly number[] {
  const stepper = stepperOf(solver, { arithmetic: floatArrays, noise: silence });
  const samples = [sample];
  let state = stepper.begin({ sigmas, sample: new Float64Array([sample]) });
  while (state.request !== undefined) {
    const { sample: point, node } = state.request;
    state = stepper.advance(
      state,
      point.map((value) => field(value, node)),
    );
    samples.push(state.slots.sample[0]!);
  }
  return samples;
}
