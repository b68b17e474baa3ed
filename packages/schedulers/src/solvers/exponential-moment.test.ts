import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { exponentialMoment } from './exponential-moment.ts';
import { interpolationWeights } from './interpolation-weights.ts';

/** z ∫_0^1 exp(-z (1 - u)) u^k du by Simpson's rule, divided by its value for k = 0 where that is large. */
function quadrature(k: number, z: number): number {
  const n = 4000;
  let sum = 0;
  for (let i = 0; i <= n; i++) {
    const weight = i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-z * (1 - i / n)) * (i / n) ** k;
  }
  return (z * sum) / (3 * n);
}

test.each([0, 1, 2, 3, 4])('moment %i is its integral, on both sides of the series', (k) => {
  for (const z of [-30, -5, -2.001, -1.999, -0.3, -1e-7, 1e-7, 0.3, 1.999, 2.001, 5, 30]) {
    const expected = quadrature(k, z);
    expect(Math.abs(exponentialMoment(k, z) / expected - 1), `z = ${z}`).toBeLessThan(1e-9);
  }
});

test('the two forms of a moment meet to the last digits', () => {
  for (const k of [0, 1, 2, 3, 4]) {
    for (const z of [2, -2]) {
      const inside = exponentialMoment(k, z * (1 - 1e-15));
      expect(Math.abs(inside / exponentialMoment(k, z) - 1)).toBeLessThan(1e-14);
    }
  }
});

test('moments of an infinite and of no step', () => {
  for (const k of [0, 1, 2, 3]) {
    expect(exponentialMoment(k, Infinity)).toBe(1);
    expect(exponentialMoment(k, 0)).toBe(0);
  }
});

test('weights give every polynomial of their degree its integral', () => {
  const draws = uniformNoise(600, { seed: 11 });
  for (let run = 0; run < 50; run++) {
    const [c = 0, ...rest] = draws.slice(12 * run, 12 * run + 12);
    const nodes = [-1 - c, -0.4 - 0.5 * rest[0]!, 0.2 + 0.5 * rest[1]!, 1].slice(0, 1 + (run % 4));
    const moments = nodes.map((_, i) => rest[2 + i]!);
    const weights = interpolationWeights(nodes, moments);
    moments.forEach((moment, k) => {
      const sum = nodes.reduce((total, node, j) => total + weights[j]! * node ** (k + 1), 0);
      expect(sum).toBeCloseTo(moment, 11);
    });
  }
});
