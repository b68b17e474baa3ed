import { deis } from '../solvers/deis.ts';
import { dpmSolverMultistep } from '../solvers/dpm-solver-multistep.ts';
import { dpmSolverSinglestep, singlestepOrders } from '../solvers/dpm-solver-singlestep.ts';
import { saSolver } from '../solvers/sa-solver.ts';
import type { Solver } from '../solvers/solver.ts';
import { uniPC } from '../solvers/uni-pc.ts';
import type { DiffusersCompat } from './compat.ts';
import type { ClassName, Settings } from './scheduler-classes.ts';

export interface MultistepRun {
  readonly className: ClassName;
  readonly settings: Settings;
  readonly compat: DiffusersCompat;
  /** Steps of the whole schedule, and the one at which the run begins: upstream's rules for the ends count the whole. */
  readonly count: number;
  readonly begin: number;
  readonly zeroFinal: boolean;
  timestepOf(sigma: number): number;
}

/** The solver of a multistep class with the options of its config. */
export function multistepSolver({
  className,
  settings,
  compat,
  count,
  begin,
  zeroFinal,
  timestepOf,
}: MultistepRun): Solver {
  const { solver_order: order, lower_order_final: lowered } = settings;
  const dpm = {
    order,
    solverType: settings.solver_type as 'midpoint' | 'heun',
    stochastic: settings.algorithm_type === 'sde-dpmsolver++',
    sde3Sign: compat.sde3Sign,
  };
  const lowerOrderFinal = lowered && count < 15;
  switch (className) {
    case 'DPMSolverMultistepScheduler':
      return dpmSolverMultistep({ ...dpm, lowerOrderFinal, eulerAtFinal: settings.euler_at_final });
    case 'DPMSolverSinglestepScheduler': {
      const orders = singlestepOrders(count, { order, lowered, zeroFinal });
      return dpmSolverSinglestep({ ...dpm, orders: orders.slice(begin) });
    }
    case 'UniPCMultistepScheduler':
      return uniPC({
        order,
        solverType: settings.solver_type as 'bh1' | 'bh2',
        disableCorrector: settings.disable_corrector.map((index) => index - begin),
        lowerOrderFinal: lowered,
      });
    case 'DEISMultistepScheduler':
      return deis({ order, lowerOrderFinal });
    default:
      return saSolver({
        predictorOrder: settings.predictor_order,
        correctorOrder: settings.corrector_order,
        // Upstream's, which counts in timesteps whatever the number of them.
        tau: (sigma) => Number(timestepOf(sigma) >= 200 && timestepOf(sigma) <= 800),
        lowerOrderFinal: lowered,
      });
  }
}
