import { type Churn, churnedStep, requireChurn } from './churn.ts';
import { euler } from './euler.ts';
import { explicitRungeKutta } from './runge-kutta.ts';
import type { Solver } from './solver.ts';

export interface HeunOptions {
  /** Take the last step with Euler's method, as diffusers' `FlowMatchHeunDiscreteScheduler` does. Default false. */
  readonly eulerAtFinal?: boolean;
  /** Draw noise before the steps. Default none. */
  readonly churn?: Churn;
}

/**
 * Heun's method (explicit trapezoid): x' = x + h/2 (v(x, s) + v(x + h v, s + h)). Two evaluations a step, order 2. The
 * second one is at the end of the step, for the last step at the data itself unless `eulerAtFinal` is set.
 *
 * @throws LatteFlowError `invalid-argument` for a churn that is out of range; with churn its plan, too, for a grid of
 * angles, or from data to noise.
 */
export function heun({ eulerAtFinal = false, churn }: HeunOptions = {}): Solver {
  const trapezoid = explicitRungeKutta({
    name: 'heun',
    order: 2,
    nodes: [0, 1],
    coefficients: [[], [1]],
    weights: [0.5, 0.5],
  });
  if (churn !== undefined) requireChurn(churn);
  const last = euler();
  const stochastic = churn !== undefined && churn.amount > 0;
  return {
    ...trapezoid,
    stochastic,
    plan(step) {
      const eulerStep = eulerAtFinal && step.index === step.count - 1;
      const churned = stochastic ? churnedStep(churn, { step, eulerStep }) : undefined;
      return churned ?? (eulerStep ? last : trapezoid).plan(step);
    },
  };
}
