import { NoisePurpose, uniformNoise } from '@latte-flow/core';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { logitNormalDensity } from './logit-normal.ts';
import { normalCdf, normalInverseCdf } from '../distributions/normal.ts';
import { drawTimes, restrictDensity, type TimeDensity } from './time-density.ts';
import { uniformDensity } from './uniform-density.ts';

interface DensityFixture {
  readonly uniform_draws: readonly number[];
  readonly formula: {
    readonly logit_normal_from_uniform: readonly {
      readonly mean: number;
      readonly std: number;
      readonly t: readonly number[];
      readonly pdf_at_t: readonly number[];
    }[];
  };
}

test.each(schedulerFixtures<DensityFixture>('time_densities'))('$title: logit-normal', ({ content }) => {
  for (const { mean, std, t, pdf_at_t } of content.formula.logit_normal_from_uniform) {
    const density = logitNormalDensity({ mean, std });
    expect(relativeError(drawTimes(density, { uniforms: content.uniform_draws }), t)).toBeLessThan(1e-12);
    expect(relativeError(t.map(density.pdf), pdf_at_t)).toBeLessThan(1e-10);
    expect(relativeError(t.map(density.cdf), content.uniform_draws)).toBeLessThan(1e-12);
  }
});

describe('the normal distribution', () => {
  // erfc(-x / sqrt(2)) / 2, rounded from 20 digits.
  test.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1, 0.15865525393145705],
    [-2, 0.02275013194817921],
    [-3, 0.0013498980316300946],
    [-6, 9.865876450376981e-10],
    [-10, 7.61985302416053e-24],
  ])('cdf(%d)', (x, p) => {
    expect(Math.abs(normalCdf(x) / p - 1)).toBeLessThan(3e-14);
    expect(Math.abs(normalInverseCdf(p) - x)).toBeLessThan(1e-13);
  });

  test('the inverse inverts, into the tails', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1 - 1e-12, noNaN: true }), (p) => {
        expect(Math.abs(normalCdf(normalInverseCdf(p)) / p - 1)).toBeLessThan(1e-12);
      }),
      { seed: 3, numRuns: 500 },
    );
    expect([normalInverseCdf(0), normalInverseCdf(1), normalInverseCdf(0.5)]).toEqual([-Infinity, Infinity, -0]);
  });
});

const densities: readonly TimeDensity[] = [
  uniformDensity,
  logitNormalDensity(),
  logitNormalDensity({ mean: -0.8, std: 0.6 }),
];

describe.each(densities)('$name', (density) => {
  test('the pdf is the derivative of the cdf, which runs from 0 to 1', () => {
    expect([density.cdf(0), density.cdf(1), density.inverseCdf(0), density.inverseCdf(1)]).toEqual([0, 1, 0, 1]);
    for (const t of [0.07, 0.3, 0.5, 0.92]) {
      const slope = (density.cdf(t + 1e-5) - density.cdf(t - 1e-5)) / 2e-5;
      expect(slope).toBeCloseTo(density.pdf(t), 6);
    }
  });

  test('a restricted draw stays inside and splits its mass as the density does', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.85, noNaN: true }), unit, (start, u) => {
        const interval = [start, start + 0.1] as const;
        const [t] = drawTimes(density, { uniforms: [u], interval });
        expect(t).toBeGreaterThanOrEqual(interval[0]);
        expect(t).toBeLessThanOrEqual(interval[1]);
        expect(restrictDensity(density, interval).cdf(t!)).toBeCloseTo(u, 9);
      }),
      { seed: 17, numRuns: 300 },
    );
  });

  test('restricted draws have the moments of the restricted density', () => {
    const interval = [0.25, 0.5] as const;
    const uniforms = uniformNoise(20_000, { seed: 4, purpose: NoisePurpose.time });
    const drawn = drawTimes(density, { uniforms, interval });
    const restricted = restrictDensity(density, interval);
    const mean = drawn.reduce((sum, t) => sum + t, 0) / drawn.length;
    let expected = 0;
    for (let i = 0; i < 1000; i++)
      expected += (0.25 / 1000) * (0.25 + (i + 0.5) / 4000) * restricted.pdf(0.25 + (i + 0.5) / 4000);
    expect(Math.abs(mean - expected)).toBeLessThan(3e-3);
  });
});

test('bad input', () => {
  expect(() => logitNormalDensity({ std: 0 })).toThrow(/std > 0/);
  expect(() => logitNormalDensity({ mean: Number.NaN })).toThrow(/mean to be a finite number/);
  expect(() => drawTimes(uniformDensity, { uniforms: [0.5, 2] })).toThrow(
    /uniforms\[1\] to be a finite number in \[0, 1\]/,
  );
  expect(() => restrictDensity(uniformDensity, [0.5, 0.5])).toThrow(/start < end/);
  expect(() => restrictDensity(uniformDensity, [0, 1.5])).toThrow(/interval\[1\]/);
});
