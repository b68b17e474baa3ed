import { refuseArgument, requireInteger, requireShape } from '@latte-flow/core';
import {
  add,
  clone,
  concat,
  dispose,
  mul,
  reshape,
  slice,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
  zeros,
} from '@tensorflow/tfjs-core';

import { drawProbe, type HutchinsonOptions } from '../likelihood/divergence.ts';
import { requireRunToNoise } from '../likelihood/log-likelihood.ts';
import type { IntegrateOptions, Solution } from '../solvers/drive.ts';
import type { Solver } from '../solvers/solver.ts';
import type { Evaluation } from '../solvers/stepper.ts';
import { integrateTensors } from './integrate-tensors.ts';
import { addTensors } from './tensor-arithmetic.ts';

export interface LogLikelihoodTensorsOptions extends Omit<IntegrateOptions<Tensor>, 'velocity' | 'noise'> {
  /** `[B, …]` float32, the data, x at the first node. Borrowed. */
  readonly sample: Tensor;
  /** Made of differentiable operations, a row depending on that row alone. Runs in a `tidy`. */
  readonly velocity: (
    sample: Tensor,
    node: number,
    options: Pick<Evaluation<Tensor>, 'step' | 'stage' | 'target'> & { readonly signal?: AbortSignal },
  ) => Tensor;
  /** `exact`: as many gradients an evaluation as a row has elements; else one a probe. */
  readonly divergence: 'exact' | HutchinsonOptions;
  /** log density `[B]` of each row at the last node; runs in a `tidy`. Default: the standard normal's. */
  readonly logPrior?: (sample: Tensor) => Tensor;
}

/** All tensors are the caller's. */
export interface LogLikelihoodTensors extends Solution<Tensor> {
  /** `[B]`, in nats: logPrior + divergenceIntegral. */
  readonly logLikelihood: Tensor;
  readonly logPrior: Tensor;
  readonly divergenceIntegral: Tensor;
}

/** log N(x; 0, I) of each row of `[B, …]`, as `[B]`. */
function standardNormal(sample: Tensor): Tensor {
  const batch = sample.shape[0]!;
  const dimension = sample.size / batch;
  const squares = sum(square(reshape(sample, [batch, dimension])), 1);
  return mul(add(squares, dimension * Math.log(2 * Math.PI)), -0.5);
}

/**
 * `logLikelihood` on float32 tensors, with the vector-Jacobian products from the gradient of `velocity` itself. The gradients
 * of TensorFlow.js must be registered, as `@tensorflow/tfjs` and `@latte-flow/runtime` do.
 *
 * Ownership: `sample` is borrowed, the results are the caller's; nothing else is left on success, throw or abort.
 *
 * @throws LatteFlowError `invalid-argument` for a grid towards the data, a stochastic solver or a sample without elements;
 * `shape-mismatch` for a velocity of another shape. `signal.reason` on abort.
 */
export async function logLikelihoodTensors(
  solver: Solver,
  options: LogLikelihoodTensorsOptions,
): Promise<LogLikelihoodTensors> {
  const where = 'logLikelihoodTensors';
  const { sample, velocity, divergence, logPrior = standardNormal, ...run } = options;
  requireRunToNoise(where, { solver, grid: run });
  const { shape, size } = sample;
  const batch = shape[0] ?? 0;
  if (size === 0 || batch === 0) {
    refuseArgument({ where, expected: 'a sample [B, …] with elements', got: `shape [${shape}]`, remedy: 'Pass one.' });
  }
  const dimension = size / batch;
  const { noise, probes = 1, distribution = 'rademacher' } = divergence === 'exact' ? { noise: undefined } : divergence;
  requireInteger(where, 'probes', probes, { min: 1 });

  const rows = (x: Tensor) => reshape(x, [batch, dimension]);
  const unit = (column: number) =>
    tensor(
      Float32Array.from({ length: size }, (_, i) => (i % dimension === column ? 1 : 0)),
      shape,
    );
  const drawn =
    noise &&
    Array.from({ length: probes }, (_, i) => tensor(Float32Array.from(drawProbe(noise(i, size), distribution)), shape));
  const cotangents = drawn ?? Array.from({ length: dimension }, (_, column) => column);
  const joined = tidy(() => concat([rows(sample), zeros([batch, 1])], 1));
  let solution: Solution<Tensor> | undefined;
  try {
    solution = await integrateTensors(solver, {
      ...run,
      sample: joined,
      velocity: (state, node, at) =>
        tidy(() => {
          const x = reshape(slice(state, [0, 0], [batch, dimension]), shape);
          const field = valueAndGrad((point: Tensor) => {
            const value = velocity(point, node, at);
            requireShape(where, 'the velocity', value.shape, shape);
            return value;
          });
          const results = cotangents.map((given, index) =>
            tidy(() => {
              const cotangent = typeof given === 'number' ? unit(given) : given;
              const { value, grad } = field(x, cotangent);
              const trace = sum(rows(mul(grad, cotangent)), 1, true);
              return index === 0 ? [trace, rows(value)] : [trace];
            }),
          );
          const traces = results.map(([trace]) => trace!) as [Tensor, ...Tensor[]];
          return concat([results[0]![1]!, mul(addTensors(traces), drawn === undefined ? 1 : 1 / probes)], 1);
        }),
    });
    const end = solution.sample;
    const parts = tidy(() => {
      const last = reshape(slice(end, [0, 0], [batch, dimension]), shape);
      const divergenceIntegral = reshape(slice(end, [0, dimension], [batch, 1]), [batch]);
      const prior = clone(logPrior(last));
      requireShape(where, 'the log density of the prior', prior.shape, [batch]);
      return { sample: last, logPrior: prior, divergenceIntegral, logLikelihood: add(prior, divergenceIntegral) };
    });
    return { ...solution, ...parts };
  } finally {
    dispose([joined, ...(drawn ?? []), ...(solution === undefined ? [] : [solution.sample])]);
  }
}
