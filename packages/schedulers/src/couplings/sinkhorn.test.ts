import { normalNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { exactPlan } from './assignment.ts';
import { schroedingerBridgePlan, sinkhornPlan } from './sinkhorn.ts';
import { independentPlan, squaredDistances, type TransportPlan } from './transport-plan.ts';

const costs = (rows: number, columns: number, seed: number) =>
  squaredDistances(normalNoise(2 * rows, { seed }), normalNoise(2 * columns, { seed: seed + 100 }), { dimension: 2 });

function marginals({ rows, columns, values }: TransportPlan) {
  const [ofRows, ofColumns] = [new Float64Array(rows), new Float64Array(columns)];
  values.forEach((value, i) => {
    ofRows[Math.floor(i / columns)]! += value;
    ofColumns[i % columns]! += value;
  });
  return { ofRows, ofColumns };
}

const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

describe('balanced', () => {
  test.each([
    [5, 5, 0.5],
    [8, 3, 1],
    [3, 8, 0.3],
    [16, 16, 2],
  ])('%i x %i, regularisation %d: uniform marginals, and u_i K_ij v_j', (rows, columns, regularization) => {
    const cost = costs(rows, columns, rows);
    const plan = sinkhornPlan(cost, { regularization, tolerance: 1e-13 });
    const { ofRows, ofColumns } = marginals(plan);
    expect(plan.converged).toBe(true);
    expect(relativeError(ofRows, new Float64Array(rows).fill(1 / rows))).toBeLessThan(1e-13);
    expect(relativeError(ofColumns, new Float64Array(columns).fill(1 / columns))).toBeLessThan(1e-12);
    // log P + C / reg is the sum of a number of the row and one of the column.
    const dual = plan.values.map((value, i) => Math.log(value) + cost.values[i]! / regularization);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const [here, corner] = [dual[i * columns + j]! + dual[0]!, dual[i * columns]! + dual[j]!];
        expect(Math.abs(here - corner)).toBeLessThan(1e-9);
      }
    }
  });

  test('between two pairs of points in closed form', () => {
    // Symmetric costs c off the diagonal, 0 on it: P_00 = 1 / (2 (1 + exp(-c / reg))).
    const plan = sinkhornPlan({ rows: 2, columns: 2, values: [0, 3, 3, 0] }, { regularization: 0.7 });
    const diagonal = 0.5 / (1 + Math.exp(-3 / 0.7));
    expect(relativeError(plan.values, [diagonal, 0.5 - diagonal, 0.5 - diagonal, diagonal])).toBeLessThan(1e-14);
  });

  test('tends to the exact plan, without underflow, and to the independent one', () => {
    const cost = costs(6, 6, 1);
    const sharp = sinkhornPlan(cost, { regularization: 1e-3, maxIterations: 20_000 });
    expect(relativeError(sharp.values, exactPlan(cost).values)).toBeLessThan(1e-3);
    const flat = sinkhornPlan(cost, { regularization: 1e9 });
    expect(relativeError(flat.values, independentPlan(cost).values)).toBeLessThan(1e-8);
  });

  test('says that it did not converge', () => {
    const plan = sinkhornPlan(costs(6, 6, 1), { regularization: 0.01, maxIterations: 5 });
    expect(plan).toMatchObject({ converged: false, iterations: 5 });
  });
});

test('the Schroedinger bridge of variance sigma^2 is the plan with regularisation 2 sigma^2', () => {
  const cost = costs(5, 5, 4);
  const bridge = schroedingerBridgePlan(cost, { sigma: 0.8 });
  expect(bridge).toEqual(sinkhornPlan(cost, { regularization: 2 * 0.8 ** 2 }));
});

test('an unbalanced plan satisfies its own optimality, and tends to the balanced one as the penalty grows', () => {
  const cost = costs(5, 4, 7);
  const [regularization, marginalPenalty] = [0.4, 1.5];
  const plan = sinkhornPlan(cost, { regularization, marginalPenalty, tolerance: 1e-15 });
  const { ofRows, ofColumns } = marginals(plan);
  plan.values.forEach((value, i) => {
    // d/dP of <P, C> + reg sum P (log P - 1) + penalty (KL(P 1 | a) + KL(P^T 1 | b)) = 0
    const [row, column] = [ofRows[Math.floor(i / 4)]! * 5, ofColumns[i % 4]! * 4];
    const gradient = cost.values[i]! + regularization * Math.log(value) + marginalPenalty * Math.log(row * column);
    expect(Math.abs(gradient)).toBeLessThan(1e-11);
  });
  const distance = (penalty: number) => {
    const heavy = sinkhornPlan(cost, { regularization, marginalPenalty: penalty, maxIterations: 1e5 });
    expect(heavy.converged).toBe(true);
    return relativeError(heavy.values, sinkhornPlan(cost, { regularization, tolerance: 1e-14 }).values);
  };
  expect(distance(80)).toBeLessThan(0.02);
  expect(distance(80) / distance(40)).toBeCloseTo(0.5, 1);
});

test('a partial plan moves its mass and no more than is there; all of it is balanced transport', () => {
  const cost = costs(5, 4, 8);
  const plan = sinkhornPlan(cost, { regularization: 0.3, mass: 0.4 });
  const { ofRows, ofColumns } = marginals(plan);
  expect(plan.converged).toBe(true);
  expect(sum(plan.values)).toBeCloseTo(0.4, 12);
  expect(Math.max(...ofRows)).toBeLessThan(1 / 5 + 1e-8);
  expect(Math.max(...ofColumns)).toBeLessThan(1 / 4 + 1e-8);
  const all = sinkhornPlan(cost, { regularization: 0.5, mass: 1, tolerance: 1e-14 });
  expect(relativeError(all.values, sinkhornPlan(cost, { regularization: 0.5, tolerance: 1e-14 }).values)).toBeLessThan(
    1e-9,
  );
});

test('refuses what is out of range', () => {
  const cost = costs(3, 3, 1);
  const broken = { ...cost, values: [0, 1, 2, 3, Infinity, 5, 6, 7, 8] };
  expect(() => sinkhornPlan(broken)).toThrow(
    /sinkhornPlan: expected cost\[4\] to be a finite number, got Infinity\. Pass/,
  );
  expect(() => sinkhornPlan({ ...cost, rows: 2 })).toThrow(/cost of 6 elements, got 9/);
  expect(() => sinkhornPlan(cost, { regularization: 0 })).toThrow(/regularization to be a finite number > 0, got 0/);
  expect(() => sinkhornPlan(cost, { regularization: 1e-320 })).toThrow(/cost \/ regularization\[\d\] to be a finite/);
  expect(() => sinkhornPlan(cost, { marginalPenalty: -1 })).toThrow(/marginalPenalty to be a finite number > 0/);
  expect(() => sinkhornPlan(cost, { mass: 1.2 })).toThrow(/mass to be a finite number <= 1, got 1.2/);
  expect(() => sinkhornPlan(cost, { mass: 0 })).toThrow(/mass to be a finite number > 0, got 0/);
  expect(() => sinkhornPlan(cost, { mass: 0.5, marginalPenalty: 1 })).toThrow(/marginalPenalty beside mass/);
  expect(() => schroedingerBridgePlan(cost, { sigma: 0 })).toThrow(
    /schroedingerBridgePlan: expected sigma .* > 0, got 0/,
  );
});

interface Transport {
  readonly ot: {
    readonly cost_sq_euclid: readonly (readonly number[])[];
    readonly plans: Readonly<
      Record<string, { readonly kw: { readonly reg?: number; readonly reg_m?: number }; readonly plan: unknown }>
    >;
    readonly sinkhorn_converged: Readonly<Record<string, unknown>>;
  };
}

test.each(schedulerFixtures<Transport>('couplings'))('$title: entropic', ({ content: { ot } }) => {
  const cost = {
    rows: ot.cost_sq_euclid.length,
    columns: ot.cost_sq_euclid[0]!.length,
    values: flatNumbers(ot.cost_sq_euclid),
  };
  // How POT stops.
  const stops: Readonly<Record<string, object>> = {
    sinkhorn: { tolerance: 1e-9, maxIterations: 1000 },
    unbalanced: { tolerance: 1e-6, maxIterations: 1000 },
    partial: { mass: 1, tolerance: 0, maxIterations: 1000 },
  };
  const entropic = Object.entries(ot.plans).filter(([name]) => name !== 'exact');
  expect(entropic.length).toBeGreaterThan(0);
  for (const [name, { kw, plan }] of entropic) {
    const penalty = kw.reg_m === undefined ? {} : { marginalPenalty: kw.reg_m };
    const own = sinkhornPlan(cost, { regularization: kw.reg!, ...penalty, ...stops[name.split('_')[0]!] });
    expect(relativeError(own.values, flatNumbers(plan)), name).toBeLessThan(1e-12);
  }
  for (const [name, plan] of Object.entries(ot.sinkhorn_converged)) {
    const own = sinkhornPlan(cost, { regularization: Number(name.slice(3)), tolerance: 1e-15, maxIterations: 1e5 });
    expect(relativeError(own.values, flatNumbers(plan)), name).toBeLessThan(1e-12);
  }
});
