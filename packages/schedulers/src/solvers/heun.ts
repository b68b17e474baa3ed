import { euler } from './euler.ts';
import { explicitRungeKutta } from './runge-kutta.ts';
import type { Solver } from './solver.ts';

export interface HeunOptions {
  /** Take the last step with Euler's method, as diffusers' `FlowMatchHeunDiscreteScheduler` does. Default false. */
  readonly eulerAtFinal?: boolean;
}

/**
 * Heun's method (explicit trapezoid): x' = x + h/2 (v(x, s) + v(x + h v, s + h)). Two evaluations a step, order 2. The
 * second one is at the end of the step, for the last step at the data itself unless `eulerAtFinal` is set.
 */
export function heun({ eulerAtFinal = false }: HeunOptions = {}): Solver {
  const trapezoid = explicitRungeKutta({
    name: 'heun',
    order: 2,
    nodes: [0, 1],
    coefficients: [[], [1]],
    weights: [0.5, 0.5],
  });
  if (!eulerAtFinal) return trapezoid;
  const last = euler();
  return { ...trapezoid, plan: (step) => (step.index === step.count - 1 ? last : trapezoid).plan(step) };
}
