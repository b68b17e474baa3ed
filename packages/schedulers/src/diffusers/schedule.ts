import { describeValue, refuseArgument, requireInteger } from '@latte-flow/core';

import { startOfStrength } from '../sigmas/strength.ts';
import type { Churn } from '../solvers/churn.ts';
import { gridOf, type GridOption } from '../solvers/grid.ts';
import type { Solver } from '../solvers/solver.ts';
import { heldTerminal, standstill } from './held-terminal.ts';
import type { DiffusersWarning } from './scheduler-config.ts';

/** The arguments of `set_timesteps`, `set_shift`, `set_begin_index` and `step`. A class refuses those it has no use for. */
export interface ScheduleOptions {
  /** `num_inference_steps`, >= 1. MiniMaxH3 counts grid points with it, one more than there are steps. */
  readonly steps?: number;
  /** Custom sigmas from noise to data, which the class still shifts; without the closing 0 (LTX, MiniMaxH3: with it). */
  readonly sigmas?: readonly number[];
  /** Custom timesteps, in the class's own unit. */
  readonly timesteps?: readonly number[];
  /** Of the dynamic shift (`calculateShift`): needed with `use_dynamic_shifting`, refused without. */
  readonly mu?: number;
  /** In place of the config's shift, as `set_shift` does. */
  readonly shift?: number;
  /** Image to image: the part of the run that is taken, in (0, 1]. */
  readonly strength?: number;
  /** The model call at which the run begins, as `set_begin_index` counts. Excludes `strength`. */
  readonly beginIndex?: number;
  /** `s_churn` and its companions of Heun's `step`. */
  readonly churn?: Churn;
  /** SCM: the first angle, default 1.5708. */
  readonly maxAngle?: number;
  /** SCM of two steps: the angle between them, default 1.3; null for half of the first. */
  readonly intermediateAngle?: number | null;
}

export interface DiffusersSchedule {
  /** As upstream stores them: all of them, Heun's inner ones and a repeated last one twice. SCM: the angles. */
  readonly sigmas: readonly number[];
  readonly timesteps: readonly number[];
  /**
   * The nodes of the run, strictly monotone, from `beginIndex` on: spread it into the options of `integrate`. A run of nothing but
   * a repeated last sigma, which stands still, has 0 as an end that it does not reach.
   */
  readonly grid: GridOption;
  /** The class's solver for exactly this grid. */
  readonly solver: Solver;
  /** What the network is conditioned on in an evaluation, by the `step` and `stage` that its callback gets. */
  conditioning(evaluation: { readonly step: number; readonly stage?: number }): {
    readonly sigma: number;
    readonly timestep: number;
  };
  readonly warnings: readonly DiffusersWarning[];
}

/** What a class makes of the options, before the run is cut to its begin. */
export interface StoredSchedule {
  readonly sigmas: readonly number[];
  readonly timesteps: readonly number[];
  /** Every node once, but for a last one that upstream repeats. */
  readonly nodes: readonly number[];
  readonly convention: keyof GridOption;
  /** Model calls of a step. Default 1. */
  readonly stages?: number;
  /** The solver of the steps from `begin` on. */
  solver(begin: number): Solver;
  readonly warnings?: readonly DiffusersWarning[];
}

const where = 'schedule';

/** Refuses options that a class has no use for. */
export function requireOptions(
  className: string,
  options: ScheduleOptions,
  known: readonly (keyof ScheduleOptions)[],
): void {
  for (const name of Object.keys(options) as (keyof ScheduleOptions)[]) {
    if ((options[name] ?? undefined) === undefined || [...known, 'strength', 'beginIndex'].includes(name)) continue;
    refuseArgument({
      where,
      expected: `no ${name} for this ${className}`,
      got: describeValue(options[name]),
      remedy: `Leave it out; ${known.join(', ')} are read.`,
      data: { option: name },
    });
  }
}

/** The number of steps that `steps` or a list asks for; refuses neither, and two that disagree. */
export function requireSteps(steps: number | undefined, ...lists: (readonly number[] | undefined)[]): number {
  const lengths = lists.filter((list) => list !== undefined).map((list) => list.length);
  const count = requireInteger(where, 'steps', steps ?? lengths[0], { min: 1 });
  const other = lengths.find((length) => length !== count);
  if (other === undefined) return count;
  return refuseArgument({
    where,
    expected: `lists of ${count} numbers, one a step`,
    got: `one of ${other}`,
    remedy: 'Leave steps out, the lists have a length, and make them equally long.',
  });
}

/** numpy's linspace, rounding for rounding: truncated timesteps depend on it. */
export function linspace(from: number, to: number, count: number): readonly number[] {
  const step = count > 1 ? (to - from) / (count - 1) : 0;
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? to : i * step + from));
}

/** Cuts a schedule to where it begins, and checks its grid. */
export function begun(stored: StoredSchedule, { strength, beginIndex }: ScheduleOptions): DiffusersSchedule {
  const { sigmas, timesteps, nodes, convention, stages = 1, warnings = [] } = stored;
  const steps = nodes.length - 1;
  if (strength !== undefined && beginIndex !== undefined) {
    refuseArgument({
      where,
      expected: 'either strength or beginIndex',
      got: 'both',
      remedy: 'Leave one of them out.',
    });
  }
  const begin = strength === undefined ? (beginIndex ?? 0) / stages : startOfStrength(steps, strength);
  requireInteger(
    where,
    strength === undefined ? `beginIndex / ${stages}` : 'the step at which strength begins',
    begin,
    {
      min: 0,
      max: steps - 1,
    },
  );
  const held = nodes.at(-1) === nodes.at(-2);
  const alone = held && begin === steps - 1;
  const run = gridOf(where, { [convention]: alone ? [nodes.at(-1)!, 0] : nodes.slice(begin, held ? -1 : undefined) });
  const solver = stored.solver(begin);
  return {
    sigmas: Object.freeze([...sigmas]),
    timesteps: Object.freeze([...timesteps]),
    grid: { [convention]: run.nodes },
    solver: alone ? standstill(solver) : held ? heldTerminal(solver) : solver,
    conditioning({ step, stage = 0 }) {
      const call = requireInteger('conditioning', 'the model call', (begin + step) * stages + stage, {
        min: 0,
        max: timesteps.length - 1,
      });
      return { sigma: sigmas[call]!, timestep: timesteps[call]! };
    },
    warnings,
  };
}
