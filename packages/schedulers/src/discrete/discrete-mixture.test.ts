import { uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { cosinePath } from '../paths/cosine.ts';
import { generalizedKl, mixTokens, tokenEulerStep, tokenVelocity } from './discrete-mixture.ts';
import { linearPath } from '../paths/linear.ts';
import { polynomialPath } from '../paths/polynomial.ts';

const logits = new Float64Array([0.2, -1, 0.5, 1.5, 1, 0, -0.5, 0.3]);
const tokens = [0, 3];
const share = (values: ArrayLike<number>, token: number) =>
  Array.from(values).filter((value) => value === token).length / values.length;

test('keeps sigma(t) of the noise', () => {
  const count = 20_000;
  const mixed = mixTokens(polynomialPath(2), {
    data: new Int32Array(count).fill(7),
    noise: new Int32Array(count).fill(3),
    time: 0.6,
    uniforms: uniformNoise(count, { seed: 4 }),
  });
  expect(Math.abs(share(mixed, 3) - 0.64)).toBeLessThan(0.015);
  expect(share(mixed, 3) + share(mixed, 7)).toBe(1);
});

test('rates sum to 0 and are negative only where the token is', () => {
  const velocity = tokenVelocity(linearPath, { logits, tokens, time: 0.3 });
  for (const [row, token] of tokens.entries()) {
    const rates = velocity.subarray(4 * row, 4 * row + 4);
    expect(Math.abs(rates.reduce((sum, rate) => sum + rate, 0))).toBeLessThan(1e-14);
    expect(rates.map((rate) => Number(rate < 0))).toEqual(
      Float64Array.from({ length: 4 }, (_, i) => Number(i === token)),
    );
  }
});

test('the loss is least at the true posterior', () => {
  // One token whose data are 0, 1, 2 with these chances, while x_t is noise 3.
  const chances = [0.5, 0.3, 0.2];
  const expectedLoss = (scores: readonly number[]) =>
    chances.reduce((sum, chance, data) => {
      const at = { logits: Float64Array.from(scores), tokens: [3], data: [data], time: 0.4 };
      return sum + chance * generalizedKl(linearPath, at);
    }, 0);
  const best = [...chances.map(Math.log), -40];
  for (let i = 0; i < 4; i++) {
    for (const change of [-0.1, 0.1]) {
      const other = best.map((value, j) => value + (i === j ? change : 0));
      expect(expectedLoss(other)).toBeGreaterThan(expectedLoss(best) - 1e-12);
    }
  }
});

describe('Euler step', () => {
  const count = 20_000;
  const step = (end: number, time = 0.5) =>
    tokenEulerStep(linearPath, {
      logits: Float64Array.from({ length: 2 * count }, (_, i) => Math.log(i % 2 === 0 ? 0.3 : 0.7)),
      tokens: new Int32Array(count),
      time,
      end,
      uniforms: uniformNoise(2 * count, { seed: 9 }),
    });

  test('jumps by the rate and draws of the posterior', () => {
    // Rate 1 / (1 - 0.5) = 2.
    const expected = (1 - Math.exp(-2 * 0.1)) * 0.7;
    expect(Math.abs(share(step(0.6), 1) - expected)).toBeLessThan(0.008);
  });

  test('to the data draws every token of the posterior', () => {
    expect(Math.abs(share(step(1), 1) - 0.7)).toBeLessThan(0.012);
  });

  test('refuses a grid that stands or goes back', () => {
    expect(() => step(0.4)).toThrow(/end to be a finite number in \[0.5, 1\], got 0.4/);
    expect(() => step(1, 1)).toThrow(
      /tokenEulerStep: expected a time at which the rate is finite, got t = 1\. Stop short/,
    );
  });
});

test('refuses paths that are no mixture, times, tokens, logits and lengths', () => {
  const at = { logits, tokens, time: 0.3 };
  expect(() => tokenVelocity(cosinePath, at)).toThrow(/a path with alpha \+ sigma = 1, got the cosine path/);
  expect(() => tokenVelocity(linearPath, { ...at, time: 1 })).toThrow(/rate is finite, got t = 1/);
  expect(() => tokenVelocity(linearPath, { ...at, tokens: [0, 4] })).toThrow(
    /token 1 to be an integer in \[0, 3\], got 4/,
  );
  expect(() => tokenVelocity(linearPath, { ...at, tokens: [0, 1, 2] })).toThrow(/logits of 9 elements, got 8/);
  expect(() => generalizedKl(linearPath, { ...at, data: [0] })).toThrow(/data of 2 elements, got 1/);
  expect(() => generalizedKl(linearPath, { ...at, data: [0, -1] })).toThrow(/token 1 to be an integer/);
  const broken = logits.map((value, i) => (i === 5 ? Number.NaN : value));
  expect(() => tokenVelocity(linearPath, { ...at, logits: broken })).toThrow(/the sum of exp\(logits\) .* got NaN/);
});

interface DiscreteFixture {
  readonly discrete: Readonly<Record<'logits' | 'x_1' | 'x_t', readonly unknown[]>> & {
    readonly t: readonly number[];
    readonly cases: Readonly<
      Record<
        string,
        {
          readonly posterior_to_velocity: readonly unknown[];
          readonly generalized_kl: { readonly none: readonly unknown[]; readonly mean: number; readonly sum: number };
        }
      >
    >;
  };
}

test.each(schedulerFixtures<DiscreteFixture>('paths'))('$title: discrete', ({ content }) => {
  const { logits: scores, x_1, x_t, t, cases } = content.discrete;
  for (const [name, { posterior_to_velocity, generalized_kl }] of Object.entries(cases)) {
    const path = name === 'CondOT' ? linearPath : polynomialPath(Number(name.split('_n')[1]));
    let sum = 0;
    t.forEach((time, i) => {
      const at = { logits: flatNumbers(scores[i]), tokens: flatNumbers(x_t[i]), time };
      const data = flatNumbers(x_1[i]);
      expect(relativeError(tokenVelocity(path, at), flatNumbers(posterior_to_velocity[i]))).toBeLessThan(1e-12);
      const losses = generalizedKl(path, { ...at, data, reduction: 'none' });
      expect(relativeError(losses, flatNumbers(generalized_kl.none[i]))).toBeLessThan(1e-12);
      sum += generalizedKl(path, { ...at, data, reduction: 'sum' });
      expect(generalizedKl(path, { ...at, data })).toBeCloseTo(losses.reduce((a, b) => a + b) / losses.length, 14);
    });
    expect(relativeError([sum], [generalized_kl.sum])).toBeLessThan(1e-12);
  }
});
