import { requireOneOf } from '@latte-flow/core';

import { euler } from './euler.ts';
import { heun } from './heun.ts';
import type { Solver } from './solver.ts';

const solvers = { euler, heun } satisfies Record<string, () => Solver>;

export type SolverName = keyof typeof solvers;

/** The names that `solverByName` knows. */
export function solverNames(): readonly SolverName[] {
  return Object.keys(solvers) as SolverName[];
}

/**
 * The solver of a name, with its default options.
 * @throws LatteFlowError `invalid-argument` for any other name; the message lists the known ones.
 */
export function solverByName(name: string): Solver {
  return solvers[requireOneOf('solverByName', 'name', name, solverNames())]();
}
