import { explicitRungeKutta } from './runge-kutta.ts';
import type { Solver } from './solver.ts';

/** Kutta's 3/8 rule, four evaluations a step, order 4: the `rk4` of torchdiffeq, and with it of flow_matching. */
export function rk4ThreeEighths(): Solver {
  return explicitRungeKutta({
    name: 'rk4-three-eighths',
    order: 4,
    nodes: [0, 1 / 3, 2 / 3, 1],
    coefficients: [[], [1 / 3], [-1 / 3, 1], [1, -1, 1]],
    weights: [1 / 8, 3 / 8, 3 / 8, 1 / 8],
  });
}
