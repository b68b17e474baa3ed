import type { Solution, Solver } from '@latte-flow/schedulers';

/** An initial value problem with a reference solution: dx/dt = velocity(x, t) from noise (t = 0) to data (t = 1). */
export interface Problem {
  /** What is solved and against what, in words. */
  readonly description: string;
  /** Evaluations to spend; each a multiple of 4, so that no step crosses a boundary of four expert groups. */
  readonly budgets: readonly number[];
  /** The grid of so many steps. */
  times(steps: number): readonly number[];
  /** Where the velocity may jump, and an adaptive solver has to stop; from 0 to 1. */
  readonly boundaries: readonly number[];
  /** x(1) over a grid of times by a solver. */
  solve(solver: Solver, times: readonly number[]): Promise<Pick<Solution<ArrayLike<number>>, 'sample' | 'evaluations'>>;
  /** x(1) by much more work, and by half as much: how far the two differ bounds what the errors mean. */
  reference(): Promise<{ readonly fine: ArrayLike<number>; readonly coarse: ArrayLike<number> }>;
  dispose(): void;
}

/** `steps` steps of one length. */
export const uniformTimes = (steps: number): readonly number[] =>
  Array.from({ length: steps + 1 }, (_, i) => i / steps);

/** rms(x - reference) / rms(reference) */
export function relativeError(x: ArrayLike<number>, reference: ArrayLike<number>): number {
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (x[i]! - reference[i]!) ** 2;
    scale += reference[i]! ** 2;
  }
  return Math.sqrt(difference / scale);
}
