import { explicitRungeKutta } from './runge-kutta.ts';
import type { Solver } from './solver.ts';

/** Euler's method: x' = x + h v(x, s). One evaluation a step, order 1. */
export function euler(): Solver {
  return explicitRungeKutta({ name: 'euler', order: 1, nodes: [0], coefficients: [[]], weights: [1] });
}
