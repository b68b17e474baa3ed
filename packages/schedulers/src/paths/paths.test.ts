import { uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { conversionCoefficients, convertPrediction, type Prediction } from './conversion.ts';
import { cosinePath, trigFlowPath } from './cosine.ts';
import { interpolate, targetVelocity } from './interpolation.ts';
import { linearPath } from './linear.ts';
import type { Path } from './path.ts';
import { polynomialPath } from './polynomial.ts';
import { linearVariancePreservingPath, variancePreservingPath } from './variance-preserving.ts';

const predictions: readonly Prediction[] = ['velocity', 'data', 'noise', 'score'];
const paths: readonly Path[] = [
  linearPath,
  polynomialPath(1),
  polynomialPath(2.5),
  polynomialPath(0.7),
  variancePreservingPath(),
  variancePreservingPath({ betaMin: 0.4, betaMax: 0.4 }),
  linearVariancePreservingPath,
  cosinePath,
  trigFlowPath(),
  trigFlowPath({ sigmaData: 1.7 }),
];
const each = paths.map((path, i) => [`${path.name} ${i}`, path] as const);
const times = (count: number, seed: number) => uniformNoise(count, { seed }).map((u) => 0.02 + 0.96 * u);

describe.each(each)('%s', (_, path) => {
  test('derivatives are those of alpha and sigma', () => {
    const h = 1e-5;
    for (const t of times(50, 1)) {
      const slope = (f: (time: number) => number) => (f(t + h) - f(t - h)) / (2 * h);
      expect(Math.abs(path.alphaDerivative(t) - slope(path.alpha))).toBeLessThan(1e-6);
      expect(Math.abs(path.sigmaDerivative(t) - slope(path.sigma))).toBeLessThan(1e-6);
    }
  });

  test('ends in the data, and snrInverse finds the time of a ratio', () => {
    expect([path.alpha(1), path.sigma(1)]).toEqual([1, 0]);
    for (const t of times(200, 2)) {
      expect(Math.abs(path.snrInverse(path.alpha(t) / path.sigma(t)) - t)).toBeLessThan(1e-12);
    }
    for (const snr of [-1e-3, Infinity, Number.NaN]) {
      expect(() => path.snrInverse(snr)).toThrow(/snrInverse: expected alpha \/ sigma on the .* finite number.*Pass/);
    }
  });

  test('all twelve conversions lead from what is known to what is asked', () => {
    const draws = uniformNoise(3 * 60, { seed: 3 });
    for (let i = 0; i < draws.length; i += 3) {
      const time = 0.1 + 0.8 * draws[i]!;
      const ends = {
        data: new Float64Array([4 * draws[i + 1]! - 2]),
        noise: new Float64Array([4 * draws[i + 2]! - 2]),
        time,
      };
      const sample = interpolate(path, ends);
      const score = ends.noise.map((value) => -value / path.sigma(time));
      const truth = { data: ends.data, noise: ends.noise, velocity: targetVelocity(path, ends), score };
      for (const from of predictions) {
        for (const to of predictions) {
          const converted = convertPrediction(path, { from, to, time, sample, prediction: truth[from] });
          // At t = 0.1 the steepest path holds 1 / 300 of the data.
          expect(relativeError(converted, truth[to]), `${from} to ${to}, t = ${time}`).toBeLessThan(1e-10);
        }
      }
    }
  });
});

test('the score at both ends', () => {
  const at = (from: Prediction, to: Prediction, time: number, path = linearPath) =>
    conversionCoefficients(path, { from, to, time });
  expect(at('velocity', 'score', 0).sample).toBe(-1);
  expect(at('noise', 'score', 0)).toMatchObject({ prediction: -1 });
  // Tweedie: with no noise left, x is the data whatever the score.
  expect(at('score', 'data', 1)).toMatchObject({ sample: 1 });
  expect(Math.abs(at('score', 'data', 1).prediction)).toBe(0);
  expect(() => at('velocity', 'score', 1)).toThrow(/determine the score, got t = 1\. Stop short/);
  expect(() => at('noise', 'score', 1)).toThrow(/determine the score, got t = 1/);
  expect(() => at('score', 'data', 0)).toThrow(/determine the data, got t = 0/);
});

test.each([variancePreservingPath(), linearVariancePreservingPath])('$name has no velocity at the data', (path) => {
  const expected = new RegExp(`sigma' of the ${path.name} path is finite, got t = 1\\. Stop short`);
  const ends = { data: new Float64Array(1), noise: new Float64Array(1), time: 1 };
  expect(() => path.sigmaDerivative(1)).toThrow(expected);
  expect(() => targetVelocity(path, ends)).toThrow(expected);
  expect(() => conversionCoefficients(path, { from: 'velocity', to: 'data', time: 1 })).toThrow(expected);
  expect(interpolate(path, ends)).toEqual(ends.data);
});

test('the variance-preserving path begins with a little of the data; less than that lies before t = 0', () => {
  const path = variancePreservingPath();
  const first = path.alpha(0) / path.sigma(0);
  expect(Math.abs(path.alpha(0) - Math.exp(-10.05 / 2))).toBeLessThan(1e-15);
  expect(path.snrInverse(first / 2)).toBeLessThan(0);
  expect(() => path.snrInverse(0)).toThrow(/finite number > 0, got 0/);
});

test('TrigFlow is x = cos(angle) data + sigmaData sin(angle) noise', () => {
  const path = trigFlowPath();
  const angle = 0.7;
  const t = 1 - angle / (Math.PI / 2);
  expect(path.alpha(t)).toBeCloseTo(Math.cos(angle), 14);
  expect(path.sigma(t)).toBeCloseTo(0.5 * Math.sin(angle), 14);
});

test('refuses parameters out of range', () => {
  expect(() => polynomialPath(0)).toThrow(/polynomialPath: expected exponent to be a finite number > 0, got 0/);
  expect(() => polynomialPath(0.5).alphaDerivative(0)).toThrow(/t\^0.5 has a finite slope, got t = 0\. Stop short/);
  expect(() => variancePreservingPath({ betaMin: 0 })).toThrow(/betaMin to be a finite number > 0, got 0/);
  expect(() => variancePreservingPath({ betaMin: 3, betaMax: 2 })).toThrow(/betaMax to be a finite number >= 3, got 2/);
  expect(() => trigFlowPath({ sigmaData: Number.NaN })).toThrow(/sigmaData to be a finite number > 0, got NaN/);
});

type Figures = Readonly<Record<'alpha' | 'sigma' | 'd_alpha' | 'd_sigma', readonly number[]>>;

interface PathFixture {
  readonly t: readonly number[];
  readonly schedulers: Readonly<Record<string, Figures & { readonly params: Readonly<Record<string, number>> }>>;
  readonly path_sample: Readonly<Record<'x_0' | 'x_1', readonly unknown[]>> & {
    readonly t: readonly number[];
  } & Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>>;
}

const upstream: Readonly<Record<string, (params: Readonly<Record<string, number>>) => Path>> = {
  CondOT: () => linearPath,
  Polynomial: ({ n }) => polynomialPath(n!),
  VP: ({ beta_min, beta_max }) => variancePreservingPath({ betaMin: beta_min, betaMax: beta_max }),
  LinearVP: () => linearVariancePreservingPath,
  Cosine: () => cosinePath,
};
const spelled: Readonly<Record<string, Prediction>> = { target: 'data', epsilon: 'noise', velocity: 'velocity' };

describe.each(schedulerFixtures<PathFixture>('paths'))('$title', ({ content }) => {
  test.each(Object.entries(content.schedulers))('%s', (name, { params, alpha, sigma, d_alpha, d_sigma }) => {
    const path = upstream[name.split('_')[0]!]!(params);
    expect(relativeError(content.t.map(path.alpha), alpha)).toBeLessThan(1e-12);
    expect(relativeError(content.t.map(path.sigma), sigma)).toBeLessThan(1e-12);
    expect(relativeError(content.t.map(path.alphaDerivative), d_alpha)).toBeLessThan(1e-12);
    expect(relativeError(content.t.map(path.sigmaDerivative), d_sigma)).toBeLessThan(1e-12);
    const { x_0, x_1, t } = content.path_sample;
    for (const [quantity, expected] of Object.entries(content.path_sample[name]!)) {
      const [from, to] = quantity.split('_to_').map((side) => spelled[side]);
      if (from === undefined || to === undefined) continue;
      t.forEach((time, i) => {
        const ends = { data: flatNumbers(x_1[i]), noise: flatNumbers(x_0[i]), time };
        const truth = { data: ends.data, noise: ends.noise, velocity: targetVelocity(path, ends), score: ends.noise };
        const sample = interpolate(path, ends);
        const converted = convertPrediction(path, { from, to, time, sample, prediction: truth[from] });
        expect(relativeError(converted, flatNumbers(expected[i])), quantity).toBeLessThan(1e-10);
      });
    }
  });
});
