import { requireFinite, requireInteger, requireOneOf, requirePositive } from '@latte-flow/core';

import { logSumExp } from '../paths/log-sum-exp.ts';
import { type CostMatrix, requireMatrix, type TransportPlan } from './transport-plan.ts';

export interface SinkhornOptions {
  /** Weight of the entropy against the cost, in the cost's unit, > 0. Default 0.05, torchcfm's. */
  readonly regularization?: number;
  /**
   * Weight of the Kullback-Leibler divergence of the marginals from uniform: unbalanced transport, which leaves far
   * samples out. Default Infinity: the marginals are uniform.
   */
  readonly marginalPenalty?: number;
  /** How much is moved, in (0, 1]: partial transport, whose marginals stay below the uniform ones. Default: all. */
  readonly mass?: number;
  /**
   * When to stop. Balanced: Euclidean norm of the error of the column sums, looked at every tenth iteration (row sums are
   * exact). Unbalanced and partial: mean relative change of the scalings. Default 1e-9.
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

const largest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), 0);

/**
 * The entropic plan between uniform masses by Sinkhorn's alternating scalings, in logarithms, so that no regularisation
 * is too small to represent (Cuturi, 2013; unbalanced: Chizat et al., 2018; partial: Benamou et al., 2015).
 * @throws LatteFlowError `invalid-argument` for costs that are not finite and options out of range or in conflict,
 * `shape-mismatch`.
 */
export function sinkhornPlan(
  cost: CostMatrix,
  {
    regularization = 0.05,
    marginalPenalty = Infinity,
    mass,
    tolerance = 1e-9,
    maxIterations = 1e4,
  }: SinkhornOptions = {},
): SinkhornPlan {
  const where = 'sinkhornPlan';
  requireMatrix(where, 'cost', cost);
  requirePositive(where, 'regularization', regularization);
  if (marginalPenalty !== Infinity) requirePositive(where, 'marginalPenalty', marginalPenalty);
  if (mass !== undefined) {
    requirePositive(where, 'mass', requireFinite(where, 'mass', mass, { max: 1 }));
    requireOneOf(where, 'marginalPenalty beside mass', String(marginalPenalty), ['Infinity']);
  }
  requireFinite(where, 'tolerance', tolerance, { min: 0 });
  requireInteger(where, 'maxIterations', maxIterations, { min: 1 });

  const { rows, columns, values: costs } = cost;
  const kernel = Float64Array.from(costs, (value) => -value / regularization);
  requireMatrix(where, 'cost / regularization', { rows, columns, values: kernel });
  const balanced = marginalPenalty === Infinity && mass === undefined;
  const power = marginalPenalty === Infinity ? 1 : marginalPenalty / (marginalPenalty + regularization);
  // Logarithms of the scalings of the rows, the columns and the whole. Partial transport starts from 1, the kernel's sum.
  const row = { scale: new Float64Array(rows).fill(mass ? 0 : -Math.log(rows)), stride: columns };
  const column = { scale: new Float64Array(columns).fill(mass ? 0 : -Math.log(columns)), stride: 1 };
  let whole = 0;

  /** Logarithms of the plan. */
  const logs = () =>
    kernel.map((value, i) => value + whole + row.scale[Math.floor(i / columns)]! + column.scale[i % columns]!);
  const planned = () => logs().map(Math.exp);
  const rescaleWhole = () => {
    if (mass !== undefined) whole += Math.log(mass) - logSumExp(logs());
  };
  /** Scales one side to its marginals, or as far as the penalty or the cap drives it; gives the relative change. */
  const rescale = (side: typeof row, other: typeof row): number => {
    const before = side.scale;
    const terms = new Float64Array(other.scale.length);
    side.scale = before.map((_, i) => {
      for (let j = 0; j < terms.length; j++) terms[j] = other.scale[j]! + kernel[i * side.stride + j * other.stride]!;
      const scale = -power * (Math.log(before.length) + logSumExp(terms) + whole);
      return mass === undefined ? scale : Math.min(0, scale);
    });
    const unit = Math.max(largest(before), largest(side.scale));
    return largest(side.scale.map((value, i) => Math.abs(Math.exp(value - unit) - Math.exp(before[i]! - unit))));
  };
  const marginalError = (): number => {
    const errors = new Float64Array(columns).fill(-1 / columns);
    planned().forEach((value, i) => (errors[i % columns]! += value));
    return Math.hypot(...errors);
  };

  rescaleWhole();
  let iterations = 0;
  let converged = false;
  for (; !converged && iterations < maxIterations; iterations++) {
    if (balanced) {
      rescale(column, row);
      rescale(row, column);
      converged = iterations % 10 === 0 && marginalError() <= tolerance;
    } else {
      converged = (rescale(row, column) + rescale(column, row)) / 2 <= tolerance;
      rescaleWhole();
    }
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
