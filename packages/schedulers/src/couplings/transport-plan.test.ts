import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { relativeError } from '../../../../tooling/test/scheduler-fixtures.ts';
import { drawPairs, independentPlan, squaredDistances, transportCost } from './transport-plan.ts';

test('squared distances of every source to every target', () => {
  const cost = squaredDistances(new Float32Array([0, 0, 3, 4]), [0, 0, 1, 1, 3, 0], { dimension: 2 });
  expect(cost).toEqual({ rows: 2, columns: 3, values: Float64Array.of(0, 2, 9, 25, 13, 16) });
  expect(transportCost(independentPlan(cost), cost)).toBeCloseTo(65 / 6, 13);
});

test('draws pairs as often as the plan says, and none without mass', () => {
  const values = Float64Array.of(0, 0.2, 0, 0.5, 0, 0.3);
  const { sources, targets } = drawPairs(
    { rows: 2, columns: 3, values },
    { uniforms: uniformNoise(30_000, { seed: 6 }) },
  );
  const counts = new Float64Array(6);
  sources.forEach((source, i) => (counts[3 * source + targets[i]!]! += 1 / 30_000));
  expect(relativeError(counts, values)).toBeLessThan(0.01);
  values.forEach((value, i) => expect(counts[i] === 0).toBe(value === 0));
});

test('a plan need not sum to 1, and the outermost uniforms stay inside', () => {
  const plan = { rows: 1, columns: 4, values: Float64Array.of(0, 3, 5, 0) };
  const { targets } = drawPairs(plan, { uniforms: [0, 1e-300, 0.374, 0.376, 1 - 2 ** -53] });
  expect([...targets]).toEqual([1, 1, 1, 2, 2]);
});

test('refuses plans and points that are no such thing', () => {
  const drawn =
    (values: number[], uniforms = [0.5]) =>
    () =>
      drawPairs({ rows: 1, columns: values.length, values: Float64Array.from(values) }, { uniforms });
  expect(drawn([0.5, Number.NaN])).toThrow(/drawPairs: expected plan\[1\] to be a finite number, got NaN\. Pass/);
  expect(drawn([0.5, -0.1])).toThrow(/plan\[1\] to be a finite number >= 0, got -0.1/);
  expect(drawn([0, 0])).toThrow(/the sum of the plan to be a finite number > 0, got 0/);
  expect(drawn([1], [1.5])).toThrow(/each uniform to be a finite number in \[0, 1\], got 1.5/);
  expect(() => squaredDistances([1, 2, 3], [1, 2], { dimension: 2 })).toThrow(/sources of 2 elements, got 3 elements/);
  expect(() => squaredDistances([1, Infinity], [1, 2], { dimension: 2 })).toThrow(/sources\[1\] to be a finite number/);
  expect(() => independentPlan({ rows: 0, columns: 2 })).toThrow(/rows to be an integer >= 1, got 0/);
  expect(() =>
    transportCost(independentPlan({ rows: 2, columns: 2 }), { rows: 1, columns: 2, values: [1, 2] }),
  ).toThrow(/cost of 4 elements, got 2/);
});
