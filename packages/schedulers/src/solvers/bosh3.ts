import { type EmbeddedOptions, embeddedRungeKutta } from './embedded-runge-kutta.ts';
import type { Solver } from './solver.ts';

/**
 * Bogacki and Shampine's 3(2) pair, adaptive: order 3, three evaluations a try and two to begin with (scipy's RK23).
 * With `adaptive: false` the plain method of order 3 from node to node.
 * @throws LatteFlowError `invalid-argument` for an option out of its range, or options that exclude each other.
 */
export function bosh3(options?: EmbeddedOptions): Solver {
  return embeddedRungeKutta(
    {
      name: 'bosh3',
      order: 3,
      nodes: [0, 1 / 2, 3 / 4],
      coefficients: [[], [1 / 2], [0, 3 / 4]],
      weights: [2 / 9, 1 / 3, 4 / 9],
      errorWeights: [-5 / 72, 1 / 12, 1 / 9, -1 / 8],
      embeddedOrder: 2,
    },
    options,
  );
}
