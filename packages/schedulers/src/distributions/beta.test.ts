import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { betaDistribution } from './beta.ts';

interface BetaQuantiles {
  readonly beta_ppf: readonly { alpha: number; beta: number; p: number[]; x: number[] }[];
}

test.each(schedulerFixtures<BetaQuantiles>('schedule_helpers'))('$title: quantiles of beta', ({ content }) => {
  expect(content.beta_ppf.length).toBeGreaterThan(0);
  for (const { p, x, ...shape } of content.beta_ppf) {
    const { quantile } = betaDistribution(shape);
    expect(relativeError(p.map(quantile), x)).toBeLessThan(1e-14);
  }
});

test('closed forms: uniform, powers, arcsine', () => {
  const flat = betaDistribution({ alpha: 1, beta: 1 });
  const power = betaDistribution({ alpha: 2.5, beta: 1 });
  const arcsine = betaDistribution({ alpha: 0.5, beta: 0.5 });
  for (const x of [1e-12, 1e-3, 0.2, 0.5, 0.77, 0.999]) {
    expect(flat.cdf(x) / x).toBeCloseTo(1, 13);
    expect(flat.quantile(x) / x).toBeCloseTo(1, 13);
    expect(power.cdf(x) / x ** 2.5).toBeCloseTo(1, 13);
    expect(power.quantile(x) / x ** 0.4).toBeCloseTo(1, 13);
    expect(arcsine.quantile(x) / Math.sin((Math.PI * x) / 2) ** 2).toBeCloseTo(1, 13);
    expect(arcsine.pdf(x) * Math.PI * Math.sqrt(x * (1 - x))).toBeCloseTo(1, 13);
  }
});

test('the quantile inverts the distribution function, at seeds', () => {
  const draws = uniformNoise(600, { seed: 11 });
  for (let i = 0; i < 600; i += 3) {
    const alpha = 10 ** (4 * draws[i]! - 1.5);
    const beta = 10 ** (4 * draws[i + 1]! - 1.5);
    const p = draws[i + 2]!;
    const { cdf, quantile } = betaDistribution({ alpha, beta });
    const x = quantile(p);
    // Where the distribution function is steep, p lies between the values of the neighbours of x.
    const reach = 4e-16 * x;
    const label = `alpha ${alpha}, beta ${beta}, p ${p}`;
    expect(cdf(x - reach) - 1e-12, label).toBeLessThanOrEqual(p);
    expect(cdf(x + reach) + 1e-12, label).toBeGreaterThanOrEqual(p);
    const y = draws[i + 2]!; // 1 - y is exact enough for no steep end to show
    expect(betaDistribution({ alpha: beta, beta: alpha }).cdf(1 - y)).toBeCloseTo(1 - cdf(y), 11);
  }
});

test('the ends, and refused shapes', () => {
  const { pdf, cdf, quantile } = betaDistribution({ alpha: 0.6, beta: 0.6 });
  expect([cdf(-1), cdf(0), cdf(1), quantile(0), quantile(1), pdf(0), pdf(1)]).toEqual([0, 0, 1, 0, 1, 0, 0]);
  expect(() => betaDistribution({ alpha: 0, beta: 1 })).toThrow(
    /betaDistribution: expected alpha to be a finite number/,
  );
  expect(() => betaDistribution({ alpha: 1, beta: Number.NaN })).toThrow(/beta/);
});
