import { normalNoise, uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { targetVelocity } from '../paths/interpolation.ts';
import { linearPath } from '../paths/linear.ts';
import {
  type ConditionalMatcher,
  cosineMatcher,
  linearMatcher,
  matchPair,
  schroedingerBridgeMatcher,
  targetMatcher,
} from './conditional-matcher.ts';

const normals = (seed: number) => Float64Array.from(normalNoise(3, { seed }));
const [data, source, noise] = [normals(1), normals(2), normals(3)];

describe.each([
  linearMatcher(),
  linearMatcher({ sigma: 0.3 }),
  cosineMatcher({ sigma: 0.2 }),
  targetMatcher(),
  targetMatcher({ sigma: 0.1 }),
  schroedingerBridgeMatcher({ sigma: 0.7, stabilizer: 0 }),
])('$name', (matcher: ConditionalMatcher) => {
  test('the velocity is the derivative of x_t with the same noise', () => {
    const h = 1e-5;
    for (const u of uniformNoise(30, { seed: 5 })) {
      const time = 0.05 + 0.9 * u;
      const at = (t: number) => matchPair(matcher, { data, source, time: t, noise });
      const slope = at(time + h).sample.map((value, i) => (value - at(time - h).sample[i]!) / (2 * h));
      expect(relativeError(at(time).velocity, slope)).toBeLessThan(1e-7);
    }
  });
});

test('without spread it is the linear path, and no noise is needed', () => {
  const ends = { data, time: 0.3 };
  const { velocity } = matchPair(linearMatcher(), { ...ends, source });
  expect(velocity).toEqual(targetVelocity(linearPath, { ...ends, noise: source }));
});

test('the bridge in closed form: Brownian, pinned at both ends', () => {
  const matcher = schroedingerBridgeMatcher({ sigma: 2 });
  expect(matcher.spread(0.5)).toBe(1);
  expect([matcher.spread(0), matcher.spread(1)]).toEqual([0, 0]);
  // cov of the bridge at one time: sigma^2 t (1 - t).
  for (const t of [0.1, 0.35, 0.8]) expect(matcher.spread(t) ** 2).toBeCloseTo(4 * t * (1 - t), 14);
  for (const time of [0, 1]) {
    const { sample, velocity } = matchPair(matcher, { data, source, time, noise });
    expect(sample).toEqual(time === 0 ? source : data);
    expect(velocity).toEqual(data.map((value, i) => value - source[i]!));
  }
  const exact = schroedingerBridgeMatcher({ sigma: 2, stabilizer: 0 });
  expect(() => matchPair(exact, { data, source, time: 0, noise })).toThrow(
    /matchPair: expected a time at which the velocity of schroedingerBridgeMatcher is finite, got t = 0\. Stop short/,
  );
});

test('the target matcher arrives with a finite velocity', () => {
  const { sample, velocity } = matchPair(targetMatcher(), { data, source, time: 1, noise });
  expect(sample).toEqual(data);
  expect(velocity).toEqual(data.map((value, i) => value - noise[i]!));
});

test('the weight of a score loss', () => {
  expect(linearMatcher({ sigma: 0.1, stabilizer: 0 }).scoreWeight(0.5)).toBeCloseTo(20, 12);
});

test('refuses bad parameters, missing noise, times and lengths', () => {
  expect(() => linearMatcher({ sigma: -1 })).toThrow(
    /linearMatcher: expected sigma to be a finite number >= 0, got -1/,
  );
  expect(() => schroedingerBridgeMatcher({ sigma: 0 })).toThrow(/sigma to be a finite number > 0, got 0\. Pass/);
  const matcher = linearMatcher({ sigma: 0.1 });
  expect(() => matchPair(matcher, { data, source, time: 0.5 })).toThrow(
    /matchPair: expected every array .* got undefined/,
  );
  expect(() => matchPair(matcher, { data, source, time: 1.5, noise })).toThrow(
    /time to be a finite number in \[0, 1\]/,
  );
  expect(() => matchPair(matcher, { data, source, time: 0.5, noise: new Float64Array(2) })).toThrow(
    /of 3 elements, got 2/,
  );
});

type Quantity = 'mu_t' | 'x_t' | 'u_t' | 'sigma_t' | 'lambda_t';

interface Matchers {
  readonly x0: readonly unknown[];
  readonly x1: readonly unknown[];
  readonly eps: readonly unknown[];
  readonly t: readonly number[];
  readonly matchers: Readonly<Record<string, Readonly<Record<Quantity, unknown>> & { readonly sigma: number }>>;
}

const upstream: Readonly<Record<string, (options: { readonly sigma: number }) => ConditionalMatcher>> = {
  ConditionalFlowMatcher: linearMatcher,
  TargetConditionalFlowMatcher: targetMatcher,
  SchrodingerBridge: schroedingerBridgeMatcher,
  VariancePreserving: cosineMatcher,
};

test.each(schedulerFixtures<Matchers>('couplings'))('$title: matchers', ({ content }) => {
  const { t, matchers } = content;
  for (const [name, { sigma, x_t, u_t, sigma_t, lambda_t }] of Object.entries(matchers)) {
    const matcher = upstream[name.split('_')[0]!]!({ sigma });
    const each = (expected: unknown) => (Array.isArray(expected) ? expected : t.map(() => expected));
    expect(relativeError(t.map(matcher.spread), each(sigma_t))).toBeLessThan(1e-14);
    expect(relativeError(t.map(matcher.scoreWeight), each(lambda_t))).toBeLessThan(1e-14);
    t.forEach((time, i) => {
      const [x1, x0, eps] = [content.x1[i], content.x0[i], content.eps[i]].map(flatNumbers);
      const { sample, velocity } = matchPair(matcher, { data: x1!, source: x0!, time, noise: eps! });
      expect(relativeError(sample, flatNumbers((x_t as unknown[])[i])), name).toBeLessThan(1e-12);
      expect(relativeError(velocity, flatNumbers((u_t as unknown[])[i])), name).toBeLessThan(1e-12);
    });
  }
});
