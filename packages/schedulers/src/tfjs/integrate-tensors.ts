import { dispose, type Tensor, tidy } from '@tensorflow/tfjs-core';

import { arraysOf, drive, type IntegrateOptions, type Lifetime, type Solution } from '../solvers/drive.ts';
import type { Solver } from '../solvers/solver.ts';
import type { SolverState } from '../solvers/stepper.ts';
import { tensorArithmetic } from './tensor-arithmetic.ts';

const tensorLifetime: Lifetime<Tensor> = {
  scope(work) {
    let state: SolverState<Tensor> | undefined;
    tidy(() => {
      state = work();
      return arraysOf(state);
    });
    return state!;
  },
  dispose,
};

/**
 * Solves dx/ds = velocity(x, s) over a grid on float32 tensors of any shape: `integrate` with its linear combinations done
 * on the device (coefficients in float64, rounded to float32 when applied). Nothing is read back, but for one number a try
 * of an adaptive solver.
 *
 * Ownership: `sample` is borrowed; the tensor that `velocity` gets is borrowed by it; the one it returns passes to the
 * solver and is disposed; the caller owns the result. Nothing else is left on success, throw or abort.
 *
 * @throws LatteFlowError `invalid-argument` for a bad grid, sample or missing noise, `shape-mismatch` for a velocity of
 * another shape. `signal.reason` on abort.
 */
export function integrateTensors(solver: Solver, options: IntegrateOptions<Tensor>): Promise<Solution<Tensor>> {
  return drive(solver, options, { arithmetic: tensorArithmetic, lifetime: tensorLifetime });
}
