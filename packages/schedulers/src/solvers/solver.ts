import { requireInteger } from '@latte-flow/core';

import type { Grid } from './grid.ts';

/** Scalars that a solver keeps, by name. */
export type Memory = Readonly<Record<string, number>>;

/**
 * One step of a grid. A multistep solver reads the nodes of its history from `grid`, so that it needs no memory besides
 * the arrays it keeps in slots.
 */
export interface Step {
  readonly grid: Grid;
  /** 0 … N - 1 */
  readonly index: number;
  /** N */
  readonly count: number;
  readonly start: number;
  readonly end: number;
  /** What the last `measure` stored; empty at first, and after every step without one. */
  readonly memory: Memory;
}

/** A linear combination of the arrays in slots: float64 coefficients by slot name. */
export type Combination = Readonly<Record<string, number>>;

/** What follows from a measured norm. */
export interface Verdict {
  /** Replaces the slots, as `store` does. */
  readonly slots: Readonly<Record<string, Combination>>;
  readonly memory: Memory;
  /** Whether a trial step was taken or thrown away; absent if the measurement was no trial. Counted in the state. */
  readonly accepted?: boolean;
  /** True: the grid's next step begins. False: this one is planned again, with the new memory. */
  readonly done: boolean;
}

/** One thing that a step asks for. Instructions run in order. */
export type Instruction =
  /** The velocity at a node of the combination `sample` goes into a slot. */
  | { readonly kind: 'evaluate'; readonly node: number; readonly sample: Combination; readonly into: string }
  /** Standard normals as long as the sample go into a slot. */
  | { readonly kind: 'draw'; readonly into: string }
  /** All slots are replaced at once: each named one becomes its combination of the old ones, the others are dropped. */
  | { readonly kind: 'store'; readonly slots: Readonly<Record<string, Combination>> }
  /**
   * rms(error / (atol + rtol max(|a|, |b|))) over all elements, a and b being the two of `between`, decides what follows.
   * The last instruction of its plan.
   */
  | {
      readonly kind: 'measure';
      readonly error: Combination;
      readonly between: readonly [Combination, Combination];
      readonly rtol: number;
      readonly atol: number;
      readonly decide: (norm: number) => Verdict;
    };

/**
 * A solver of dx/ds = velocity(x, s): pure, without hidden state, and in scalars only. It says what a step does to named
 * arrays as instructions with float64 coefficients; a `Stepper` carries them out on typed arrays, tensors, or anything
 * else that can be combined linearly.
 *
 * The slot `sample` holds x: it is there when a step begins, and the step's last `store` must put the next one in it.
 * Other slots that this `store` names (past velocities, data predictions) are there in the next step.
 *
 * An adaptive solver ends its plan with `measure` instead, as often as it takes to get from `start` to `end` exactly.
 */
export interface Solver {
  readonly name: string;
  /** Order of convergence on a smooth velocity. */
  readonly order: number;
  /** True if a step draws noise. */
  readonly stochastic: boolean;
  plan(step: Step): readonly Instruction[];
}

/**
 * Step `index` of a grid.
 * @throws LatteFlowError `invalid-argument` if the grid has no such step.
 */
export function stepOf(grid: Grid, index: number, memory: Memory = {}): Step {
  const count = grid.nodes.length - 1;
  requireInteger('stepOf', 'index', index, { min: 0, max: count - 1 });
  return { grid, index, count, start: grid.nodes[index]!, end: grid.nodes[index + 1]!, memory };
}
