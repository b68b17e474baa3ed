import { LatteFlowError, refuseArgument } from '@latte-flow/core';

import { requireNodes } from '../sigmas/nodes.ts';
import type { Arithmetic } from './arithmetic.ts';
import { type Combination, type Grid, type Instruction, type Solver, stepOf } from './solver.ts';

/** The nodes of a run, under the name of their convention: exactly one of the two. */
export interface GridOption {
  /** Times, 0 noise to 1 data; the velocity is dx/dt, data-ward. */
  readonly times?: readonly number[];
  /** Sigmas, 1 noise to 0 data; the velocity is dx/dsigma, noise-ward, as diffusers' models predict it. */
  readonly sigmas?: readonly number[];
}

/** The evaluation of the velocity that a state waits for. */
export interface Evaluation<T> {
  /** Which step of the grid this is a part of, from 0, and which evaluation of this step. */
  readonly step: number;
  readonly stage: number;
  /** Time or sigma, by the grid's convention. */
  readonly node: number;
  readonly sample: T;
}

/** Arrays by name; `sample` is x at the start of the current step. */
export type Slots<T> = Readonly<Record<string, T>> & { readonly sample: T };

/** Everything a run consists of between two evaluations. Plain data, never changed: advancing it twice gives the same. */
export interface SolverState<T> {
  /** Name of the solver it belongs to. */
  readonly solver: string;
  readonly grid: Grid;
  /** Finished steps. */
  readonly step: number;
  /** The instruction of the step that comes next. */
  readonly cursor: number;
  /** Velocities taken so far (NFE). */
  readonly evaluations: number;
  readonly slots: Slots<T>;
  /** What is needed next; undefined once the grid is done and `slots.sample` is the result. */
  readonly request: Evaluation<T> | undefined;
}

/** Draws what a stochastic solver needs in a step: `length` standard normals. */
export type NoiseSource = (step: number, length: number) => ArrayLike<number>;

export interface Stepper<T> {
  /** The state before the first evaluation. @throws LatteFlowError `invalid-argument` for a bad grid or sample. */
  begin(start: GridOption & { readonly sample: T }): SolverState<T>;
  /**
   * The state after the requested velocity came in.
   * @throws LatteFlowError `invalid-argument` for a finished state or another solver's, `shape-mismatch` for a velocity
   * unlike the sample.
   */
  advance(state: SolverState<T>, velocity: T): SolverState<T>;
}

/** The grid of a `times` or `sigmas` option. */
export function gridOf(where: string, { times, sigmas }: GridOption): Grid {
  if ((times === undefined) === (sigmas === undefined)) {
    refuseArgument({
      where,
      expected: 'either times or sigmas',
      got: times === undefined ? 'neither' : 'both',
      remedy: 'Pass times with a velocity dx/dt, or sigmas with a velocity dx/dsigma.',
    });
  }
  return times === undefined
    ? { convention: 'sigma', nodes: Object.freeze([...requireNodes(where, 'sigmas', sigmas!)]) }
    : { convention: 'time', nodes: Object.freeze([...requireNodes(where, 'times', times)]) };
}

/**
 * Runs a solver by hand, one evaluation at a time: `begin`, then `advance` with the velocity of each `request` until there
 * is none. Useful where the caller owns the loop; `integrate` is the loop.
 * @throws LatteFlowError `invalid-argument` if a stochastic solver comes without noise.
 */
export function stepperOf<T>(
  solver: Solver,
  { arithmetic, noise }: { readonly arithmetic: Arithmetic<T>; readonly noise?: NoiseSource },
): Stepper<T> {
  if (solver.stochastic && noise === undefined) {
    refuseArgument({
      where: 'stepperOf',
      expected: `noise for the stochastic solver ${solver.name}`,
      got: 'none',
      remedy: 'Pass noise, e.g. seededStepNoise({ seed }) of @latte-flow/core.',
    });
  }

  function combined(slots: Slots<T>, combination: Combination): T {
    const terms = Object.entries(combination).map(([slot, coefficient]) => {
      const array = Object.hasOwn(slots, slot) ? slots[slot] : undefined;
      if (array === undefined) throw brokenPlan(solver, `slot ${slot} to be filled before it is used`);
      return [coefficient, array] as const;
    });
    const only = terms.length === 1 && terms[0]![0] === 1;
    return only ? terms[0]![1] : arithmetic.combine(terms);
  }

  /** The slots after an instruction that needs no velocity. */
  function carriedOut(
    instruction: Exclude<Instruction, { kind: 'evaluate' }>,
    slots: Slots<T>,
    step: number,
  ): Slots<T> {
    if (instruction.kind === 'draw') {
      const drawn = noise!(step, arithmetic.length(slots.sample));
      return { ...slots, [instruction.into]: arithmetic.fromNoise(drawn, slots.sample) };
    }
    if (instruction.slots['sample'] === undefined) throw brokenPlan(solver, 'every store to name the slot sample');
    const stored = Object.entries(instruction.slots).map(([slot, terms]) => [slot, combined(slots, terms)] as const);
    return Object.fromEntries(stored) as Slots<T>;
  }

  /** Carries out instructions until one needs a velocity or the grid is done. */
  function settle({ grid, evaluations, ...from }: Omit<SolverState<T>, 'request' | 'solver'>): SolverState<T> {
    let { cursor, slots } = from;
    for (let step = from.step; step < grid.nodes.length - 1; step++, cursor = 0) {
      const plan = solver.plan(stepOf(grid, step));
      for (; cursor < plan.length; cursor++) {
        const instruction = plan[cursor]!;
        if (instruction.kind === 'evaluate') {
          const stage = plan.slice(0, cursor).filter(({ kind }) => kind === 'evaluate').length;
          const request = { step, stage, node: instruction.node, sample: combined(slots, instruction.sample) };
          return { solver: solver.name, grid, step, cursor, evaluations, slots, request };
        }
        slots = carriedOut(instruction, slots, step);
      }
    }
    const done = { step: grid.nodes.length - 1, cursor: 0, slots: { sample: slots.sample }, request: undefined };
    return { solver: solver.name, grid, evaluations, ...done };
  }

  return {
    begin({ sample, ...grid }) {
      const checked = gridOf('stepper.begin', grid);
      return settle({ grid: checked, step: 0, cursor: 0, evaluations: 0, slots: { sample: arithmetic.copy(sample) } });
    },
    advance(state, velocity) {
      const { request, grid, step, cursor, evaluations, slots } = state;
      const instruction = request && solver.plan(stepOf(grid, step))[cursor];
      if (state.solver !== solver.name || instruction?.kind !== 'evaluate') {
        return refuseArgument({
          where: 'stepper.advance',
          expected: `a state of the solver ${solver.name} that waits for a velocity`,
          got: request === undefined ? 'a finished state' : `a state of the solver ${state.solver}`,
          remedy: 'Pass the state that this stepper returned last, while it has a request.',
        });
      }
      const accepted = { ...slots, [instruction.into]: arithmetic.accept(velocity, slots.sample) };
      return settle({ grid, step, cursor: cursor + 1, evaluations: evaluations + 1, slots: accepted });
    },
  };
}

/** A solver whose plan breaks the contract of `Solver`. */
function brokenPlan(solver: Solver, expected: string): LatteFlowError {
  return new LatteFlowError('unsupported', {
    where: 'stepper',
    expected,
    got: `a plan of the solver ${solver.name} that does not do so`,
    remedy: 'Correct its plan.',
  });
}
