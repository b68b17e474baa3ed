import { requireInteger, requireShape } from '@latte-flow/core';

import type { FloatArray } from '../arrays/float-array.ts';
import type { Evaluation, NoiseSource } from '../solvers/stepper.ts';

/** Where a velocity field is differentiated: `sample` is `[B, D]`, flat. Borrowed. */
export interface FieldPoint extends Pick<Evaluation<FloatArray>, 'step' | 'node' | 'sample'> {
  readonly signal?: AbortSignal;
}

/** One number a row: the divergence of the velocity by that row. */
export type DivergenceField = (point: FieldPoint) => ArrayLike<number> | Promise<ArrayLike<number>>;

/**
 * Begins a run over `batch` rows of `dimension` numbers; what is random is drawn here, so once a run. With a formula of
 * your own: `() => ({ sample, node }) => …`.
 */
export type Divergence = (rows: { readonly batch: number; readonly dimension: number }) => DivergenceField;

/**
 * J^T `cotangent` for the Jacobian J of the velocity by the sample, both `[B, D]`, flat: what reverse-mode differentiation
 * gives. The velocity of a row depends on that row alone. `cotangent` is borrowed.
 */
export type VectorJacobianProduct = (cotangent: Float64Array, point: FieldPoint) => FloatArray | Promise<FloatArray>;

function requireProduct(product: FloatArray, length: number): FloatArray {
  requireShape('logLikelihood', 'the vector-Jacobian product', [product.length], [length]);
  return product;
}

/** The trace of the Jacobian, exactly: D products an evaluation. */
export function exactDivergence(vjp: VectorJacobianProduct): Divergence {
  return ({ batch, dimension }) =>
    async (point) => {
      const trace = new Float64Array(batch);
      for (let column = 0; column < dimension; column++) {
        const unit = Float64Array.from({ length: batch * dimension }, (_, i) => (i % dimension === column ? 1 : 0));
        const product = requireProduct(await vjp(unit, point), unit.length);
        for (let row = 0; row < batch; row++) trace[row]! += product[row * dimension + column]!;
      }
      return trace;
    };
}

export interface HutchinsonOptions {
  /** Standard normals: `noise(probe, B * D)`, for each probe once a run. `rademacher` takes their signs. */
  readonly noise: NoiseSource;
  /** How many probes the estimate is the mean of, each one product an evaluation. Default 1. */
  readonly probes?: number;
  /** `rademacher` (-1 and 1, the least variance; default) or `normal`. */
  readonly distribution?: 'rademacher' | 'normal';
}

/**
 * Hutchinson's unbiased estimate of the trace, e^T J e with E[e e^T] = I. The probes stay the same for a whole run, so that
 * what is integrated is smooth (FFJORD, Grathwohl et al. 2019, section 3).
 * @throws LatteFlowError `invalid-argument` unless `probes` is an integer >= 1.
 */
export function hutchinsonDivergence(
  vjp: VectorJacobianProduct,
  { noise, probes = 1, distribution = 'rademacher' }: HutchinsonOptions,
): Divergence {
  requireInteger('hutchinsonDivergence', 'probes', probes, { min: 1 });
  return ({ batch, dimension }) => {
    const length = batch * dimension;
    const drawn = Array.from({ length: probes }, (_, probe) => drawProbe(noise(probe, length), distribution));
    return async (point) => {
      const trace = new Float64Array(batch);
      for (const probe of drawn) {
        const product = requireProduct(await vjp(probe, point), length);
        for (let i = 0; i < length; i++) trace[Math.floor(i / dimension)]! += (probe[i]! * product[i]!) / probes;
      }
      return trace;
    };
  };
}

/** A probe of standard normals or of their signs. */
export function drawProbe(
  noise: ArrayLike<number>,
  distribution: NonNullable<HutchinsonOptions['distribution']>,
): Float64Array {
  return Float64Array.from(noise, (value) => (distribution === 'normal' ? value : value < 0 ? -1 : 1));
}
