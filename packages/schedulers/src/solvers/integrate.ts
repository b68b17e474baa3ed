import { drive, type IntegrateOptions, type Solution } from './drive.ts';
import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from './float-arrays.ts';
import type { Solver } from './solver.ts';

/**
 * Solves dx/ds = velocity(x, s) over a grid, on typed arrays. Ascending `times` sample, descending ones invert; for
 * `sigmas` and `angles` the other way round. The velocity may come asynchronously and reuse its output buffer; it may be of either
 * float type. Returns a new array of `sample`'s kind and the numbers of evaluations and steps.
 *
 * @throws LatteFlowError `invalid-argument` for a bad grid (names the index), sample or missing noise, before any
 * evaluation; `shape-mismatch` for a velocity of another length. `signal.reason` on abort.
 */
export function integrate<A extends FloatArray>(
  solver: Solver,
  options: Omit<IntegrateOptions<FloatArray>, 'sample'> & { readonly sample: A },
): Promise<Solution<A>> {
  return drive(solver, options, { arithmetic: floatArrays }) as Promise<Solution<A>>;
}
