import { eventTurns, type OnProgress, throwIfAborted } from '@latte-flow/core';

import type { Arithmetic } from './arithmetic.ts';
import type { GridOption } from './grid.ts';
import type { Solver } from './solver.ts';
import { type Evaluation, type NoiseSource, type SolverState, stepperOf } from './stepper.ts';

/**
 * The velocity of `sample` at `node`: dx/dt at a time if the run has `times`, dx/dsigma at a sigma if it has `sigmas`,
 * dx/dangle at an angle if it has `angles`. `step` says which step of the grid asks, `stage` which of its evaluations,
 * `target` to which node it leads (what a flow map wants to know).
 */
export type VelocityField<T> = (
  sample: T,
  node: number,
  options: Pick<Evaluation<T>, 'step' | 'stage' | 'target'> & { readonly signal?: AbortSignal },
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
  /** Steps taken: those of the grid, or the finer ones of an adaptive solver. */
  readonly accepted: number;
  /** Tries that an adaptive solver threw away. */
  readonly rejected: number;
}

/** How arrays are freed where the garbage collector does not do it. */
export interface Lifetime<T> {
  /** Runs `work`, and if it throws frees the arrays it made; else those that the state it returns does not hold. */
  scope(work: () => SolverState<T>): SolverState<T>;
  dispose(array: T): void;
}

const unmanaged: Lifetime<unknown> = { scope: (work) => work(), dispose: () => undefined };

/** Every array that a state holds. */
export const arraysOf = <T>({ slots, request, measurement }: SolverState<T>): T[] => [
  ...Object.values(slots),
  ...(request === undefined ? [] : [request.sample]),
  ...(measurement === undefined ? [] : [measurement]),
];

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
  let owned = new Set(arraysOf(state));
  const turn = eventTurns();
  try {
    for (;;) {
      const before: SolverState<T> = state;
      const { request, measurement } = before;
      if (request !== undefined) {
        await turn();
        throwIfAborted(signal);
        const { step, stage, node, target, sample: point } = request;
        const answer = await velocity(point, node, { step, stage, target, signal });
        owned.add(answer);
        throwIfAborted(signal);
        state = lifetime.scope(() => stepper.advance(before, answer));
      } else if (measurement !== undefined) {
        const norm = await arithmetic.read!(measurement);
        throwIfAborted(signal);
        state = lifetime.scope(() => stepper.measured(before, norm));
      } else break;
      const held = new Set(arraysOf(state));
      for (const array of owned) if (!held.has(array)) lifetime.dispose(array);
      owned = held;
      if (state.step > before.step) onProgress?.({ stage: 'sample', step: state.step, steps });
    }
    const { evaluations, accepted, rejected } = state;
    owned.delete(state.slots.sample);
    return { sample: state.slots.sample, evaluations, accepted, rejected };
  } finally {
    for (const array of owned) lifetime.dispose(array);
  }
}
