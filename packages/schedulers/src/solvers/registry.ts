import { requireOneOf } from '@latte-flow/core';

import { ancestralEuler } from './ancestral-euler.ts';
import { bosh3 } from './bosh3.ts';
import { deis } from './deis.ts';
import { dopri5 } from './dopri5.ts';
import { dpmSolverMultistep } from './dpm-solver-multistep.ts';
import { dpmSolverSinglestep } from './dpm-solver-singlestep.ts';
import type { AdaptiveOptions } from './embedded-runge-kutta.ts';
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

/**
 * The solver of a name, with its default options, or those of `adaptive` if it chooses its own steps between the nodes. For
 * a velocity that jumps at nodes, as a router of experts makes it, set `restartAtNodes`: solvers of fixed steps evaluate
 * anew there anyway, and multistep ones keep their history.
 * @throws LatteFlowError `invalid-argument` for any other name; the message lists the known ones.
 */
export function solverByName(name: string, adaptive: AdaptiveOptions = {}): Solver {
  const known = requireOneOf('solverByName', 'name', name, solverNames());
  return known in adaptiveSolvers ? adaptiveSolvers[known as keyof typeof adaptiveSolvers](adaptive) : solvers[known]();
}
