import { requireFinite, requireInteger, requirePositive } from '@latte-flow/core';

import { type CostMatrix, requireMatrix, type TransportPlan } from './transport-plan.ts';

export interface SinkhornOptions {
  /** Weight of the entropy against the cost, in the cost's unit, > 0. Default 0.05, torchcfm's. */
  readonly regularization?: number;
  /**
   * Weight of the Kullback-Leibler divergence of the marginals from uniform: unbalanced transport, which leaves far
   * samples out. Default Infinity: the marginals are uniform.
   */
  readonly marginalPenalty?: number;
  /**
   * When to stop. Balanced: Euclidean norm of the error of the column sums, looked at every tenth iteration (row sums are
   * exact). Unbalanced: mean relative change of the scalings. Default 1e-9.
   */
  readonly tolerance?: number;
  /** Default 10 000. */
  readonly maxIterations?: number;
}

export interface SinkhornPlan extends TransportPlan {
  readonly iterations: number;
  /** False if `maxIterations` came first: the marginals are off by more than the tolerance. */
  readonly converged: boolean;
}

/**
 * The entropic plan between uniform masses by Sinkhorn's alternating scalings, in logarithms, so that no regularisation
 * is too small to represent (Cuturi, 2013; unbalanced: Chizat et al., 2018).
 * @throws LatteFlowError `invalid-argument` for costs that are not finite and options out of range, `shape-mismatch`.
 */
export function sinkhornPlan(
  cost: CostMatrix,
  { regularization = 0.05, marginalPenalty = Infinity, tolerance = 1e-9, maxIterations = 10_000 }: SinkhornOptions = {},
): SinkhornPlan {
  const where = 'sinkhornPlan';
  requireMatrix(where, 'cost', cost);
  requirePositive(where, 'regularization', regularization);
  const balanced = marginalPenalty === Infinity;
  if (!balanced) requirePositive(where, 'marginalPenalty', marginalPenalty);
  requireFinite(where, 'tolerance', tolerance, { min: 0 });
  requireInteger(where, 'maxIterations', maxIterations, { min: 1 });

  const { rows, columns, values: costs } = cost;
  const power = balanced ? 1 : marginalPenalty / (marginalPenalty + regularization);
  const kernel = Float64Array.from(costs, (value) => -value / regularization);
  requireMatrix(where, 'cost / regularization', { rows, columns, values: kernel });
  // Logarithms of the scalings.
  const row = { scale: new Float64Array(rows).fill(-Math.log(rows)), stride: columns };
  const column = { scale: new Float64Array(columns).fill(-Math.log(columns)), stride: 1 };
  type Side = typeof row;

  /** Scales one side to its marginals, or as far as the penalty drives it; gives the relative change. */
  const rescale = (side: Side, other: Side): number => {
    let change = 0;
    const before = side.scale.slice();
    const largest = before.reduce((a, b) => Math.max(a, b), 0);
    side.scale.forEach((_, i) => {
      const term = (j: number) => other.scale[j]! + kernel[i * side.stride + j * other.stride]!;
      let peak = -Infinity;
      for (let j = 0; j < other.scale.length; j++) peak = Math.max(peak, term(j));
      let sum = 0;
      for (let j = 0; j < other.scale.length; j++) sum += Math.exp(term(j) - peak);
      side.scale[i] = -power * (Math.log(side.scale.length) + peak + Math.log(sum));
    });
    const unit = side.scale.reduce((a, b) => Math.max(a, b), largest);
    side.scale.forEach((value, i) => {
      change = Math.max(change, Math.abs(Math.exp(value - unit) - Math.exp(before[i]! - unit)));
    });
    return change;
  };
  const planned = () =>
    kernel.map((value, i) => Math.exp(value + row.scale[Math.floor(i / columns)]! + column.scale[i % columns]!));
  const marginalError = (): number => {
    const errors = new Float64Array(columns).fill(-1 / columns);
    planned().forEach((value, i) => (errors[i % columns]! += value));
    return Math.hypot(...errors);
  };

  let iterations = 0;
  let converged = false;
  while (!converged && iterations < maxIterations) {
    if (balanced) {
      rescale(column, row);
      rescale(row, column);
      converged = iterations % 10 === 0 && marginalError() <= tolerance;
    } else {
      converged = (rescale(row, column) + rescale(column, row)) / 2 <= tolerance;
    }
    iterations++;
  }
  return { rows, columns, values: planned(), iterations, converged };
}

/**
 * The static Schroedinger bridge between two minibatches for a Brownian motion of variance sigma^2: the entropic plan with
 * regularisation 2 sigma^2 of squared distances (Tong et al., "Simulation-free Schroedinger bridges via score and flow
 * matching", 2023). `schroedingerBridgeMatcher` is its dynamic part.
 * @throws LatteFlowError as `sinkhornPlan`.
 */
export function schroedingerBridgePlan(
  cost: CostMatrix,
  { sigma, ...options }: Pick<SinkhornOptions, 'tolerance' | 'maxIterations'> & { readonly sigma: number },
): SinkhornPlan {
  requirePositive('schroedingerBridgePlan', 'sigma', sigma);
  return sinkhornPlan(cost, { ...options, regularization: 2 * sigma ** 2 });
}
