import { requireOneOf } from '@latte-flow/core';

import { ancestralEuler } from './ancestral-euler.ts';
import { bosh3 } from './bosh3.ts';
import { deis } from './deis.ts';
import { dopri5 } from './dopri5.ts';
import { dpmSolverMultistep } from './dpm-solver-multistep.ts';
import { dpmSolverSinglestep } from './dpm-solver-singlestep.ts';
import { euler } from './euler.ts';
import { flowMapEuler } from './flow-map-euler.ts';
import { heun } from './heun.ts';
import { lcm } from './lcm.ts';
import { marginalPreservingSde } from './marginal-preserving-sde.ts';
import { midpoint } from './midpoint.ts';
import { rk4 } from './rk4.ts';
import { rk4ThreeEighths } from './rk4-three-eighths.ts';
import { saSolver } from './sa-solver.ts';
import type { Solver } from './solver.ts';
import { uniPC } from './uni-pc.ts';

/** Those that choose their own steps between the nodes. */
const adaptiveSolvers = { bosh3, dopri5 };

const solvers = {
  euler,
  heun,
  midpoint,
  rk4,
  'rk4-three-eighths': rk4ThreeEighths,
  ...adaptiveSolvers,
  'dpm-solver-multistep': dpmSolverMultistep,
  'dpm-solver-singlestep': dpmSolverSinglestep,
  'uni-pc': uniPC,
  deis,
  'sa-solver': saSolver,
  lcm,
  'flow-map-euler': flowMapEuler,
  'ancestral-euler': ancestralEuler,
  'marginal-preserving-sde': marginalPreservingSde,
} satisfies Record<string, () => Solver>;

export type SolverName = keyof typeof solvers;

/** The names that `solverByName` knows. */
export function solverNames(): readonly SolverName[] {
  return Object.keys(solvers) as SolverName[];
}

export interface NamedSolverOptions {
  /**
   * For a velocity that jumps at nodes of the grid, as a router of experts makes it: adaptive solvers evaluate it anew at
   * each node. Solvers of fixed steps do so anyway, and multistep ones keep their history. Default false.
   */
  readonly restartAtNodes?: boolean;
}

/**
 * The solver of a name, with its default options.
 * @throws LatteFlowError `invalid-argument` for any other name; the message lists the known ones.
 */
export function solverByName(name: string, { restartAtNodes = false }: NamedSolverOptions = {}): Solver {
  const known = requireOneOf('solverByName', 'name', name, solverNames());
  return known in adaptiveSolvers
    ? adaptiveSolvers[known as keyof typeof adaptiveSolvers]({ restartAtNodes })
    : solvers[known]();
}
