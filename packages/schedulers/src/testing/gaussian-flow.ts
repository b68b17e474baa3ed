import { linearPath } from '../paths/linear.ts';
import type { Path } from '../paths/path.ts';
import type { FloatArray } from '../arrays/float-array.ts';
import { integrate } from '../solvers/integrate.ts';
import type { Solver } from '../solvers/solver.ts';

export interface Moments {
  readonly mean: number;
  readonly variance: number;
}

/** The flow whose data are N(mean, std^2): everything about it is known in closed form. */
export function gaussianFlow({ mean, std }: { readonly mean: number; readonly std: number }, path: Path = linearPath) {
  const momentsAt = (time: number): Moments => ({
    mean: path.alpha(time) * mean,
    variance: (path.alpha(time) * std) ** 2 + path.sigma(time) ** 2,
  });
  /** E[dx/dt | x] = alpha' mean + cov(dx/dt, x) / var(x) (x - alpha mean). */
  const velocity = (x: FloatArray, time: number) => {
    const marginal = momentsAt(time);
    const slope =
      (path.alphaDerivative(time) * path.alpha(time) * std * std + path.sigmaDerivative(time) * path.sigma(time)) /
      marginal.variance;
    return Float64Array.from(x, (value) => path.alphaDerivative(time) * mean + slope * (value - marginal.mean));
  };
  return { momentsAt, velocity };
}

/**
 * The moments of what a solver makes of the flow's own distribution at the first of `times`, without a Monte Carlo error:
 * the velocity being affine, so is the run, and element 0 carries its mean, element 1 the response to x, element 2 + i
 * the one to the noise of step i.
 */
export async function momentsOfRun(
  solver: Solver,
  { times, flow }: { readonly times: readonly number[]; readonly flow: ReturnType<typeof gaussianFlow> },
): Promise<Moments> {
  const start = flow.momentsAt(times[0]!);
  const sample = new Float64Array(times.length + 1).fill(start.mean);
  sample[1]! += Math.sqrt(start.variance);
  const noise = (step: number, length: number) => new Float64Array(length).fill(1, step + 2, step + 3);
  const { sample: end } = await integrate(solver, { times, sample, noise, velocity: flow.velocity });
  const mean = end[0]!;
  return { mean, variance: end.subarray(1).reduce((sum, value) => sum + (value - mean) ** 2, 0) };
}
