import { uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { assignPairs, exactPlan } from './assignment.ts';
import { squaredDistances, transportCost } from './transport-plan.ts';

/** The least sum of costs over all ways to give each row a column of its own. */
function bruteForce(values: ArrayLike<number>, columns: number, row = 0, taken = new Set<number>()): number {
  if (row * columns === values.length) return 0;
  let least = Infinity;
  for (let column = 0; column < columns; column++) {
    if (taken.has(column)) continue;
    const rest = bruteForce(values, columns, row + 1, new Set([...taken, column]));
    least = Math.min(least, values[row * columns + column]! + rest);
  }
  return least;
}

const totalOf = (values: ArrayLike<number>, columns: number, assigned: Int32Array) =>
  assigned.reduce((sum, column, row) => sum + values[row * columns + column]!, 0);

describe('assignPairs', () => {
  test.each([1, 2, 3, 4, 5, 6])('%i rows cost what the best permutation does', (rows) => {
    for (let seed = 0; seed < 15; seed++) {
      for (let columns = rows; columns <= 6; columns++) {
        // Every third one has many ties, every second one negative costs.
        const values = uniformNoise(rows * columns, { seed }).map(
          (u) => (seed % 3 === 0 ? Math.floor(4 * u) : 4 * u) - (seed % 2),
        );
        const assigned = assignPairs({ rows, columns, values });
        expect(new Set(assigned).size).toBe(rows);
        expect(Math.abs(totalOf(values, columns, assigned) - bruteForce(values, columns))).toBeLessThan(1e-12);
      }
    }
  });

  test('is no better for any exchange of two, at the size of a minibatch', () => {
    const [size, dimension] = [128, 8];
    const points = uniformNoise(2 * size * dimension, { seed: 2 });
    const cost = squaredDistances(points.subarray(0, size * dimension), points.subarray(size * dimension), {
      dimension,
    });
    const assigned = assignPairs(cost);
    const of = (row: number, column: number) => cost.values[row * size + column]!;
    for (let a = 0; a < size; a++) {
      for (let b = 0; b < a; b++) {
        const [ja, jb] = [assigned[a]!, assigned[b]!];
        expect(of(a, ja) + of(b, jb)).toBeLessThanOrEqual(of(a, jb) + of(b, ja) + 1e-12);
      }
    }
  });

  test('refuses costs that are not finite, sizes that do not fit and more rows than columns', () => {
    const refused = (rows: number, columns: number, values: number[]) => () => assignPairs({ rows, columns, values });
    expect(refused(1, 2, [1, Number.NaN])).toThrow(
      /assignPairs: expected cost\[1\] to be a finite number, got NaN\. Pass/,
    );
    expect(refused(2, 2, [1, 2, 3])).toThrow(/cost of 4 elements, got 3 elements/);
    expect(refused(2, 1, [1, 2])).toThrow(/columns to be an integer >= 2, got 1/);
    expect(refused(0, 1, [])).toThrow(/rows to be an integer >= 1, got 0/);
  });
});

test('an exact plan between sides of different sizes has uniform marginals and the least cost', () => {
  // Two sources, three targets on a line: each source gives its own target 1/3 and the middle one 1/6.
  const cost = squaredDistances([0, 10], [1, 4, 11], { dimension: 1 });
  const plan = exactPlan(cost);
  expect(relativeError(plan.values, [1 / 3, 1 / 6, 0, 0, 1 / 6, 1 / 3])).toBeLessThan(1e-15);
  expect(transportCost(plan, cost)).toBeCloseTo(1 / 3 + 16 / 6 + 36 / 6 + 1 / 3, 12);
});

interface Transport {
  readonly ot: {
    readonly x0: readonly unknown[];
    readonly x1: readonly unknown[];
    readonly cost_sq_euclid: unknown;
    readonly hungarian_j: readonly number[];
    readonly hungarian_total: number;
    readonly wasserstein2_exact: number;
    readonly plans: { readonly exact: { readonly plan: unknown } };
  };
}

test.each(schedulerFixtures<Transport>('couplings'))('$title: exact', ({ content: { ot } }) => {
  const dimension = flatNumbers(ot.x0[0]).length;
  const cost = squaredDistances(flatNumbers(ot.x0), flatNumbers(ot.x1), { dimension });
  expect(relativeError(cost.values, flatNumbers(ot.cost_sq_euclid))).toBeLessThan(1e-14);
  const assigned = assignPairs(cost);
  expect([...assigned]).toEqual(ot.hungarian_j);
  expect(relativeError([totalOf(cost.values, cost.columns, assigned)], [ot.hungarian_total])).toBeLessThan(1e-14);
  const plan = exactPlan(cost);
  expect(relativeError(plan.values, flatNumbers(ot.plans.exact.plan))).toBeLessThan(1e-14);
  expect(Math.sqrt(transportCost(plan, cost))).toBeCloseTo(ot.wasserstein2_exact, 13);
});
