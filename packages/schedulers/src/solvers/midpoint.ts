import { explicitRungeKutta } from './runge-kutta.ts';
import type { Solver } from './solver.ts';

/** The explicit midpoint method: x' = x + h v(x + h/2 v(x, s), s + h/2). Two evaluations a step, order 2. */
export function midpoint(): Solver {
  return explicitRungeKutta({
    name: 'midpoint',
    order: 2,
    nodes: [0, 0.5],
    coefficients: [[], [0.5]],
    weights: [0, 1],
  });
}
