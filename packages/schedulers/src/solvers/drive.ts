import { eventTurns, type OnProgress, throwIfAborted } from '@latte-flow/core';

import type { Arithmetic } from './arithmetic.ts';
import type { Solver } from './solver.ts';
import { type GridOption, type NoiseSource, type SolverState, stepperOf } from './stepper.ts';

/**
 * The velocity of `sample` at `node`: dx/dt at a time if the run has `times`, dx/dsigma at a sigma if it has `sigmas`.
 * `step` says which step of the grid asks, `stage` which of its evaluations.
 */
export type VelocityField<T> = (
  sample: T,
  node: number,
  options: { readonly step: number; readonly stage: number; readonly signal?: AbortSignal },
) => T | Promise<T>;

export interface IntegrateOptions<T> extends GridOption {
  /** x at the first node. Borrowed, never changed. */
  readonly sample: T;
  readonly velocity: VelocityField<T>;
  /** Needed by stochastic solvers only. */
  readonly noise?: NoiseSource;
  readonly signal?: AbortSignal;
  /** Called after every step with `{ stage: 'sample', step, steps }`. */
  readonly onProgress?: OnProgress;
}

export interface Solution<T> {
  /** x at the last node. */
  readonly sample: T;
  /** Velocities taken (NFE). */
  readonly evaluations: number;
}

/** How arrays are freed where the garbage collector does not do it. */
export interface Lifetime<T> {
  /** Runs `work`, and if it throws frees the arrays it made; else those that the state it returns does not hold. */
  scope(work: () => SolverState<T>): SolverState<T>;
  dispose(array: T): void;
}

const unmanaged: Lifetime<unknown> = { scope: (work) => work(), dispose: () => undefined };

const arraysOf = <T>({ slots, request }: SolverState<T>) =>
  new Set<T>(request === undefined ? Object.values(slots) : [...Object.values(slots), request.sample]);

/** The loop over evaluations, for any kind of array. Takes ownership of what `velocity` returns. */
export async function drive<T>(
  solver: Solver,
  { sample, velocity, noise, signal, onProgress, ...grid }: IntegrateOptions<T>,
  { arithmetic, lifetime = unmanaged as Lifetime<T> }: { arithmetic: Arithmetic<T>; lifetime?: Lifetime<T> },
): Promise<Solution<T>> {
  throwIfAborted(signal);
  const stepper = stepperOf(solver, { arithmetic, noise });
  let state = lifetime.scope(() => stepper.begin({ ...grid, sample }));
  const steps = state.grid.nodes.length - 1;
  let owned = arraysOf(state);
  const turn = eventTurns();
  try {
    while (state.request !== undefined) {
      await turn();
      throwIfAborted(signal);
      const { step, stage, node, sample: point } = state.request;
      const answer = await velocity(point, node, { step, stage, signal });
      owned.add(answer);
      throwIfAborted(signal);
      const before = state;
      state = lifetime.scope(() => stepper.advance(before, answer));
      const held = arraysOf(state);
      for (const array of owned) if (!held.has(array)) lifetime.dispose(array);
      owned = held;
      if (state.step > step) onProgress?.({ stage: 'sample', step: state.step, steps });
    }
    owned.delete(state.slots.sample);
    return { sample: state.slots.sample, evaluations: state.evaluations };
  } finally {
    for (const array of owned) lifetime.dispose(array);
  }
}
