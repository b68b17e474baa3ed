import { explicitRungeKutta } from './runge-kutta.ts';
import type { Solver } from './solver.ts';

/**
 * The classic Runge-Kutta method, four evaluations a step, order 4. What torchdiffeq calls rk4 is another one:
 * `rk4ThreeEighths`.
 */
export function rk4(): Solver {
  return explicitRungeKutta({
    name: 'rk4',
    order: 4,
    nodes: [0, 1 / 2, 1 / 2, 1],
    coefficients: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
    weights: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  });
}
