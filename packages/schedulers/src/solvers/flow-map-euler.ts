import { euler } from './euler.ts';
import type { Solver } from './solver.ts';

/**
 * Any-step sampling with a flow map (diffusers' `FlowMapEulerDiscreteScheduler`): x' = x + (t - s) v(x, s, t), where the
 * network gives the mean velocity from the node s to the `target` t of the evaluation. Exact in any number of steps if
 * the network is; with one that looks at the node alone it is Euler's method.
 */
export function flowMapEuler(): Solver {
  return { ...euler(), name: 'flow-map-euler' };
}
