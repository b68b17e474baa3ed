import { type EmbeddedOptions, embeddedRungeKutta } from './embedded-runge-kutta.ts';
import type { Solver } from './solver.ts';

/**
 * Dormand and Prince's 5(4) pair, adaptive: order 5, six evaluations a try and two to begin with (scipy's RK45,
 * MATLAB's ode45). With `adaptive: false` the plain method of order 5 from node to node.
 * @throws LatteFlowError `invalid-argument` for an option out of its range, or options that exclude each other.
 */
export function dopri5(options?: EmbeddedOptions): Solver {
  return embeddedRungeKutta(
    {
      name: 'dopri5',
      order: 5,
      nodes: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1],
      coefficients: [
        [],
        [1 / 5],
        [3 / 40, 9 / 40],
        [44 / 45, -56 / 15, 32 / 9],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
      ],
      weights: [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
      errorWeights: [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
      embeddedOrder: 4,
    },
    options,
  );
}
