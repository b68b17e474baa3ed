import {
  bosh3,
  deis,
  dopri5,
  dpmSolverMultistep,
  dpmSolverSinglestep,
  euler,
  heun,
  midpoint,
  rk4,
  type Solver,
  uniPC,
} from '@latte-flow/schedulers';

/** A solver with how many evaluations a step takes, or one whose tolerance decides that. */
export type Contender =
  | { readonly label: string; readonly solver: Solver; readonly evaluationsPerStep: number }
  | { readonly label: string; readonly adaptive: (rtol: number) => Solver };

/** The deterministic solvers that a user chooses between. */
export const contenders: readonly Contender[] = [
  { label: 'Euler', solver: euler(), evaluationsPerStep: 1 },
  { label: 'Heun', solver: heun(), evaluationsPerStep: 2 },
  { label: 'midpoint', solver: midpoint(), evaluationsPerStep: 2 },
  { label: 'RK4', solver: rk4(), evaluationsPerStep: 4 },
  { label: 'DPM-Solver++ 2M', solver: dpmSolverMultistep({ order: 2 }), evaluationsPerStep: 1 },
  { label: 'DPM-Solver++ 3M', solver: dpmSolverMultistep({ order: 3 }), evaluationsPerStep: 1 },
  { label: 'DPM-Solver++ 2S', solver: dpmSolverSinglestep({ order: 2 }), evaluationsPerStep: 1 },
  { label: 'UniPC 2', solver: uniPC({ order: 2 }), evaluationsPerStep: 1 },
  { label: 'UniPC 3', solver: uniPC({ order: 3 }), evaluationsPerStep: 1 },
  { label: 'DEIS 2', solver: deis({ order: 2 }), evaluationsPerStep: 1 },
  { label: 'Bosh3, adaptive', adaptive: (rtol) => bosh3({ rtol, atol: rtol, restartAtNodes: true }) },
  { label: 'Dopri5, adaptive', adaptive: (rtol) => dopri5({ rtol, atol: rtol, restartAtNodes: true }) },
];
