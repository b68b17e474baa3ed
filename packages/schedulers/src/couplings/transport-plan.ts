import { requireFinite, requireInteger, requirePositive } from '@latte-flow/core';

import { requireLength } from '../arrays/float-array.ts';

/** Sizes of a matrix that is kept row by row: sources (noise) by targets (data). */
export interface Sizes {
  readonly rows: number;
  readonly columns: number;
}

/** What it costs to move a source to a target. */
export interface CostMatrix extends Sizes {
  readonly values: ArrayLike<number>;
}

/** A coupling of `rows` sources and `columns` targets: how much of the mass goes from each to each, row by row. */
export interface TransportPlan extends Sizes {
  readonly values: Float64Array;
}

/** Pairs as indices into the sources and the targets. */
export interface Pairs {
  readonly sources: Int32Array;
  readonly targets: Int32Array;
}

/** Refuses a matrix of another size, and an entry that is not finite (naming its index). */
export function requireMatrix(where: string, name: string, matrix: CostMatrix): void {
  const { rows, columns, values } = matrix;
  requireInteger(where, 'rows', rows, { min: 1 });
  requireInteger(where, 'columns', columns, { min: 1 });
  requireLength(where, values, rows * columns, name);
  for (let i = 0; i < values.length; i++) requireFinite(where, `${name}[${i}]`, values[i]);
}

/**
 * Squared Euclidean distances of sources to targets, both `[N, dimension]` row by row, as the costs `[rows, columns]`
 * of a coupling.
 * @throws LatteFlowError `shape-mismatch` if a length is no multiple of the dimension.
 */
export function squaredDistances(
  sources: ArrayLike<number>,
  targets: ArrayLike<number>,
  { dimension }: { readonly dimension: number },
): CostMatrix {
  const where = 'squaredDistances';
  requireInteger(where, 'dimension', dimension, { min: 1 });
  const [rows, columns] = [Math.floor(sources.length / dimension), Math.floor(targets.length / dimension)];
  requireMatrix(where, 'sources', { rows, columns: dimension, values: sources });
  requireMatrix(where, 'targets', { rows: columns, columns: dimension, values: targets });
  const values = new Float64Array(rows * columns);
  values.forEach((_, index) => {
    const [source, target] = [Math.floor(index / columns) * dimension, (index % columns) * dimension];
    for (let i = 0; i < dimension; i++) values[index]! += (sources[source + i]! - targets[target + i]!) ** 2;
  });
  return { rows, columns, values };
}

/** Every source with every target alike: the coupling of ordinary flow matching. */
export function independentPlan({ rows, columns }: Sizes): TransportPlan {
  const values = new Float64Array(rows * columns).fill(1 / (rows * columns));
  requireMatrix('independentPlan', 'the plan', { rows, columns, values });
  return { rows, columns, values };
}

/** The sum of plan times cost; of squared distances its root is the 2-Wasserstein distance. */
export function transportCost(plan: TransportPlan, cost: CostMatrix): number {
  requireMatrix('transportCost', 'cost', { ...plan, values: cost.values });
  return plan.values.reduce((sum, value, i) => sum + value * cost.values[i]!, 0);
}

/**
 * Pairs drawn from a plan with replacement, one for each uniform number in (0, 1), by inverting the plan's running sum.
 * Labels and everything else that belongs to a sample go by the same indices.
 * @throws LatteFlowError `invalid-argument` if an entry is negative or not finite, or all are 0.
 */
export function drawPairs(plan: TransportPlan, { uniforms }: { readonly uniforms: ArrayLike<number> }): Pairs {
  requireMatrix('drawPairs', 'plan', plan);
  const { values, columns } = plan;
  let total = 0;
  const sums = values.map((value, i) => (total += requireFinite('drawPairs', `plan[${i}]`, value, { min: 0 })));
  requirePositive('drawPairs', 'the sum of the plan', total);
  const drawn = Int32Array.from(uniforms, (uniform) => {
    const mass = requireFinite('drawPairs', 'each uniform', uniform, { min: 0, max: 1 }) * total;
    // The first entry whose running sum passes the mass has mass of its own.
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > mass) high = middle;
      else low = middle + 1;
    }
    return low;
  });
  return { sources: drawn.map((i) => Math.floor(i / columns)), targets: drawn.map((i) => i % columns) };
}
