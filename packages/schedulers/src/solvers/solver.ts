import type { TimeConvention } from '../paths/time-convention.ts';

/** A grid of nodes t_0, …, t_N in [0, 1]; step i leads from node i to node i + 1. */
export interface Grid {
  /** What the nodes are, and with that what the velocity is the derivative by: dx/dt or dx/dsigma. */
  readonly convention: TimeConvention;
  readonly nodes: readonly number[];
}

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
}

/** A linear combination of the arrays in slots: float64 coefficients by slot name. */
export type Combination = Readonly<Record<string, number>>;

/** One thing that a step asks for. Instructions run in order. */
export type Instruction =
  /** The velocity at a node of the combination `sample` goes into a slot. */
  | { readonly kind: 'evaluate'; readonly node: number; readonly sample: Combination; readonly into: string }
  /** Standard normals as long as the sample go into a slot. */
  | { readonly kind: 'draw'; readonly into: string }
  /** All slots are replaced at once: each named one becomes its combination of the old ones, the others are dropped. */
  | { readonly kind: 'store'; readonly slots: Readonly<Record<string, Combination>> };

/**
 * A solver of dx/ds = velocity(x, s): pure, without hidden state, and in scalars only. It says what a step does to named
 * arrays as instructions with float64 coefficients; a `Stepper` carries them out on typed arrays, tensors, or anything
 * else that can be combined linearly.
 *
 * The slot `sample` holds x: it is there when a step begins, and the step's last `store` must put the next one in it.
 * Other slots that this `store` names (past velocities, data predictions) are there in the next step.
 */
export interface Solver {
  readonly name: string;
  /** Order of convergence on a smooth velocity. */
  readonly order: number;
  /** True if a step draws noise. */
  readonly stochastic: boolean;
  plan(step: Step): readonly Instruction[];
}

/** Step `index` of a grid. */
export function stepOf(grid: Grid, index: number): Step {
  return { grid, index, count: grid.nodes.length - 1, start: grid.nodes[index]!, end: grid.nodes[index + 1]! };
}
