import { refuseArgument, requireInteger, requireShape } from '@latte-flow/core';

import type { IntegrateOptions, Solution } from '../solvers/drive.ts';
import type { FloatArray } from '../arrays/float-array.ts';
import { gridOf, type GridOption } from '../solvers/grid.ts';
import { integrate } from '../solvers/integrate.ts';
import type { Solver } from '../solvers/solver.ts';
import type { Divergence } from './divergence.ts';
import { standardNormalLogDensity } from './standard-normal.ts';

export interface LogLikelihoodOptions<A extends FloatArray> extends Omit<
  IntegrateOptions<FloatArray>,
  'sample' | 'noise'
> {
  /** `[B, D]`, flat: the data, x at the first node. Borrowed. */
  readonly sample: A;
  /** B. Default 1. */
  readonly batch?: number;
  readonly divergence: Divergence;
  /** log density of each row at the last node. Default: the standard normal's. */
  readonly logPrior?: (sample: A, options: { readonly batch: number }) => ArrayLike<number>;
}

export interface LogLikelihood<A> extends Solution<A> {
  /** `[B]`, in nats: logPrior + divergenceIntegral. */
  readonly logLikelihood: Float64Array;
  /** `[B]`, at the last node, of `sample` there. */
  readonly logPrior: Float64Array;
  /** `[B]`, the integral of the divergence from the first node to the last. */
  readonly divergenceIntegral: Float64Array;
}

/** Refuses what no density can be computed with: a solver that draws, or a grid towards the data. */
export function requireRunToNoise(
  where: string,
  { solver, grid }: { readonly solver: Solver; readonly grid: GridOption },
): void {
  const { convention, nodes } = gridOf(where, grid);
  const towardsData = convention === 'time' ? nodes[0]! < nodes[1]! : nodes[0]! > nodes[1]!;
  if (!towardsData && !solver.stochastic) return;
  refuseArgument({
    where,
    expected: towardsData ? `${convention}s that run from the data to the noise` : 'a deterministic solver',
    got: towardsData ? `${nodes[0]} to ${nodes.at(-1)}` : solver.name,
    remedy: towardsData ? 'Reverse the grid.' : 'Choose one that draws no noise, e.g. dopri5().',
  });
}

/**
 * The log density of data under a deterministic flow: integrates x from the data to the noise and the divergence of its
 * velocity with it, in float64, then log p(x) = log prior(x_noise) + integral of div v (the instantaneous change of
 * variables, Chen et al., "Neural ordinary differential equations", 2018, theorem 1). The grid runs from data to noise:
 * descending times, ascending sigmas or angles. An adaptive solver bounds the errors of both.
 *
 * @throws LatteFlowError `invalid-argument` for a grid towards the data, a stochastic solver, or a batch that does not divide
 * the sample; `shape-mismatch` for a velocity, product or divergence of another length. `signal.reason` on abort.
 */
export async function logLikelihood<A extends FloatArray>(
  solver: Solver,
  options: LogLikelihoodOptions<A>,
): Promise<LogLikelihood<A>> {
  const where = 'logLikelihood';
  const { sample, batch = 1, velocity, divergence, logPrior = standardNormalLogDensity, ...run } = options;
  requireRunToNoise(where, { solver, grid: run });
  const dimension = sample.length / requireInteger(where, 'batch', batch, { min: 1 });
  requireInteger(where, 'the length of sample / batch', dimension, { min: 1 });
  const field = divergence({ batch, dimension });
  /** x and, behind it, one number for each row. */
  const joinedWith = (x: ArrayLike<number>, name: string) => {
    requireShape(where, name, [x.length], [sample.length]);
    const joined = new Float64Array(sample.length + batch);
    joined.set(x);
    return joined;
  };
  const sampleOf = (joined: FloatArray): A => {
    const part = joined.subarray(0, sample.length);
    return (sample instanceof Float32Array ? Float32Array.from(part) : Float64Array.from(part)) as FloatArray as A;
  };

  const solution = await integrate(solver, {
    ...run,
    sample: joinedWith(sample, 'sample'),
    async velocity(joined, node, at) {
      const x = sampleOf(joined);
      const moved = joinedWith(await velocity(x, node, at), 'the velocity');
      const divergences = await field({ sample: x, node, step: at.step, signal: at.signal });
      requireShape(where, 'the divergence', [divergences.length], [batch]);
      moved.set(divergences, sample.length);
      return moved;
    },
  });
  const end = sampleOf(solution.sample);
  const divergenceIntegral = solution.sample.slice(sample.length);
  const prior = Float64Array.from(logPrior(end, { batch }));
  requireShape(where, 'the log density of the prior', [prior.length], [batch]);
  const total = prior.map((value, row) => value + divergenceIntegral[row]!);
  return { ...solution, sample: end, logLikelihood: total, logPrior: prior, divergenceIntegral };
}
