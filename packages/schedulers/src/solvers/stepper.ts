import { LatteFlowError, refuseArgument } from '@latte-flow/core';

import type { Arithmetic } from './arithmetic.ts';
import { type Grid, type GridOption, gridOf } from './grid.ts';
import { type Combination, type Instruction, type Memory, type Solver, stepOf, type Verdict } from './solver.ts';

/** The evaluation of the velocity that a state waits for. */
export interface Evaluation<T> {
  /** Which step of the grid this is a part of, from 0, and which evaluation of this step (of this try, if adaptive). */
  readonly step: number;
  readonly stage: number;
  /** Time, sigma or angle, by the grid's convention. */
  readonly node: number;
  /** The node of the grid that the step leads to. */
  readonly target: number;
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
  /** Scalars that the solver keeps. */
  readonly memory: Memory;
  /** Velocities taken so far (NFE). */
  readonly evaluations: number;
  /** Steps taken so far: those of the grid, or the finer ones of an adaptive solver. */
  readonly accepted: number;
  /** Tries that an adaptive solver threw away. */
  readonly rejected: number;
  readonly slots: Slots<T>;
  /** The velocity needed next; undefined once the grid is done, with `slots.sample` the result. */
  readonly request: Evaluation<T> | undefined;
  /** An error norm that must be read from a device before the run goes on. Never set on typed arrays. */
  readonly measurement: T | undefined;
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
  /**
   * The state after the value of its `measurement` came in.
   * @throws LatteFlowError `invalid-argument` for a state without one, or another solver's.
   */
  measured(state: SolverState<T>, norm: number): SolverState<T>;
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

  const combined = (slots: Slots<T>, combination: Combination): T => {
    const terms = Object.entries(combination).map(([slot, coefficient]) => {
      const array = Object.hasOwn(slots, slot) ? slots[slot] : undefined;
      if (array === undefined) throw brokenPlan(solver, `slot ${slot} to be filled before it is used`);
      return [coefficient, array] as const;
    });
    const only = terms.length === 1 && terms[0]![0] === 1;
    return only ? terms[0]![1] : arithmetic.combine(terms);
  };

  const stored = (slots: Slots<T>, next: Readonly<Record<string, Combination>>): Slots<T> => {
    if (next['sample'] === undefined) throw brokenPlan(solver, 'every store to name the slot sample');
    return Object.fromEntries(Object.entries(next).map(([slot, terms]) => [slot, combined(slots, terms)])) as Slots<T>;
  };

  /** The state after a verdict, before what it leads to. */
  function judged(state: SolverState<T>, { slots, memory, accepted, done }: Verdict): SolverState<T> {
    return {
      ...state,
      step: state.step + (done ? 1 : 0),
      cursor: 0,
      memory,
      accepted: state.accepted + (accepted === true ? 1 : 0),
      rejected: state.rejected + (accepted === false ? 1 : 0),
      slots: stored(state.slots, slots),
    };
  }

  /** The state after the next instruction, or with what that instruction waits for. */
  function carriedOut(state: SolverState<T>): SolverState<T> {
    const { step, cursor, slots } = state;
    const current = stepOf(state.grid, step, state.memory);
    const plan = solver.plan(current);
    const instruction = plan[cursor];
    switch (instruction?.kind) {
      case undefined:
        return { ...state, step: step + 1, cursor: 0, memory: {}, accepted: state.accepted + 1 };
      case 'evaluate': {
        const { node } = instruction;
        const stage = plan.slice(0, cursor).filter(({ kind }) => kind === 'evaluate').length;
        const request = { step, stage, node, target: current.end, sample: combined(slots, instruction.sample) };
        return { ...state, request };
      }
      case 'measure': {
        const [a, b] = instruction.between;
        const between = [combined(slots, a), combined(slots, b)] as const;
        const norm = arithmetic.norm(combined(slots, instruction.error), between, instruction);
        return typeof norm === 'number' ? judged(state, instruction.decide(norm)) : { ...state, measurement: norm };
      }
      case 'draw': {
        const drawn = arithmetic.fromNoise(noise!(step, arithmetic.length(slots.sample)), slots.sample);
        return { ...state, cursor: cursor + 1, slots: { ...slots, [instruction.into]: drawn } };
      }
      default:
        return { ...state, cursor: cursor + 1, slots: stored(slots, instruction!.slots) };
    }
  }

  /** Carries out instructions until one waits for an answer, or the grid is done. */
  function settle(from: SolverState<T>): SolverState<T> {
    let state: SolverState<T> = { ...from, request: undefined, measurement: undefined };
    while (state.request === undefined && state.measurement === undefined) {
      if (state.step >= state.grid.nodes.length - 1)
        return { ...state, slots: { sample: state.slots.sample }, memory: {} };
      state = carriedOut(state);
    }
    return state;
  }

  /** The instruction that a state waits for, of the kind that the caller answers. */
  function awaited<K extends Instruction['kind']>(
    where: string,
    { state, kind, answer }: { readonly state: SolverState<T>; readonly kind: K; readonly answer: string },
  ): Extract<Instruction, { kind: K }> {
    const { request, measurement, grid, step, cursor, memory } = state;
    const waiting = kind === 'evaluate' ? request : measurement;
    if (state.solver === solver.name && waiting !== undefined) {
      const instruction = solver.plan(stepOf(grid, step, memory))[cursor];
      if (instruction?.kind === kind) return instruction as Extract<Instruction, { kind: K }>;
    }
    const finished = request === undefined && measurement === undefined;
    return refuseArgument({
      where,
      expected: `a state of the solver ${solver.name} that waits for a ${answer}`,
      got: finished ? 'a finished state' : `a state of the solver ${state.solver}`,
      remedy: `Pass the state that this stepper returned last, while it has a ${kind === 'evaluate' ? 'request' : 'measurement'}.`,
    });
  }

  return {
    begin({ sample, ...grid }) {
      return settle({
        solver: solver.name,
        grid: gridOf('stepper.begin', grid),
        step: 0,
        cursor: 0,
        memory: {},
        evaluations: 0,
        accepted: 0,
        rejected: 0,
        slots: { sample: arithmetic.copy(sample) },
        request: undefined,
        measurement: undefined,
      });
    },
    advance(state, velocity) {
      const { into } = awaited('stepper.advance', { state, kind: 'evaluate', answer: 'velocity' });
      const slots = { ...state.slots, [into]: arithmetic.accept(velocity, state.slots.sample) };
      return settle({ ...state, cursor: state.cursor + 1, evaluations: state.evaluations + 1, slots });
    },
    measured(state, norm) {
      const { decide } = awaited('stepper.measured', { state, kind: 'measure', answer: 'measured norm' });
      return settle(judged(state, decide(norm)));
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
