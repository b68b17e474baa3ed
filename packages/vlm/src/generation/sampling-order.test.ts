import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { nextTokenSampler, type SamplingOptions } from './sampling.ts';

/** Tokens that 400 draws chose. */
function drawn(logits: readonly number[], options: SamplingOptions, seen?: readonly number[]): number[] {
  const next = nextTokenSampler({ temperature: 1, ...options });
  const at = seen === undefined ? {} : { seen: new Set(seen) };
  return [...new Set(Array.from({ length: 400 }, (_, step) => next(logits, { step, sample: 0, ...at })))].sort(
    (a, b) => a - b,
  );
}

const logs = (...probabilities: number[]): number[] => probabilities.map(Math.log);

test('min-p keeps what is at least so likely as its share of the most likely', () => {
  const logits = logs(0.5, 0.26, 0.14, 0.1);
  expect(drawn(logits, { minP: 0.5 })).toEqual([0, 1]);
  expect(drawn(logits, { minP: 0.27 })).toEqual([0, 1, 2]);
  expect(drawn(logits, { minP: 1 })).toEqual([0]);
  expect(drawn(logits, {})).toEqual([0, 1, 2, 3]);
  // After the temperature: the probabilities are squared and scaled, so that 0.26 is below half of 0.5.
  expect(drawn(logits, { minP: 0.5, temperature: 0.5 })).toEqual([0]);
});

test('top-p counts the probabilities that top-k left, and after the temperature', () => {
  const logits = logs(0.4, 0.3, 0.2, 0.1);
  expect(drawn(logits, { topP: 0.55 })).toEqual([0, 1]);
  // Of the two that top-k leaves, the first has 4 / 7 > 0.55.
  expect(drawn(logits, { topP: 0.55, topK: 2 })).toEqual([0]);
  expect(drawn(logits, { topP: 0.41, temperature: 10 })).toEqual([0, 1]);
  expect(drawn(logits, { topP: 0.41 })).toEqual([0, 1]);
  expect(drawn(logits, { topP: 0.41, temperature: 0.3 })).toEqual([0]);
});

test('of equal tokens top-p keeps the fewest that suffice, the first of them', () => {
  expect(drawn([0, 0, 0, 0], { topP: 0.5 })).toEqual([0, 1]);
  expect(drawn([0, 1, 0, 1, 0], { topP: 0.75 })).toEqual([0, 1, 3]);
  expect(drawn([0, 1, 0, 1, 0], { topP: 0.75, minP: 0.9 })).toEqual([1, 3]);
  expect(drawn([1, 1, 1, 0], { topP: 0.999, topK: 1 })).toEqual([0, 1, 2]);
});

test('the cuts are those of sorting all tokens', () => {
  for (let seed = 0; seed < 60; seed++) {
    const [a, b, c, ...noise] = uniformNoise(23, { seed });
    const logits = noise.map((x) => Math.round(12 * x));
    const [topK, topP, minP] = [Math.floor(a! * 12), 0.05 + 0.95 * b!, c! ** 3];
    const order = logits.map((_, id) => id).sort((x, y) => logits[y]! - logits[x]! || x - y);
    const weight = (id: number): number => Math.exp(logits[id]! - logits[order[0]!]!);
    const kept = topK > 0 ? order.filter((id) => weight(id) >= weight(order[topK - 1]!)) : order;
    const total = kept.reduce((sum, id) => sum + weight(id), 0);
    let covered = 0;
    const expected = kept.filter((id) => {
      const isNeeded = covered < topP * total;
      covered += weight(id);
      return isNeeded && weight(id) >= minP;
    });
    const found = drawn(logits, { topK, topP, minP });
    expect(expected).toEqual(expect.arrayContaining(found));
    for (const id of expected) if (weight(id) * 30 > total) expect(found).toContain(id);
  }
});

test('top-k keeps all that are as likely as the last', () => {
  expect(drawn([3, 1, 1, 1, 0], { topK: 2 })).toEqual([0, 1, 2, 3]);
  expect(drawn([3, 1, 1, 1, 0], { topK: 1 })).toEqual([0]);
  expect(drawn([3, 1, 1], { topK: 9 })).toEqual([0, 1, 2]);
});

test('the repetition penalty divides positive logits and multiplies negative ones, before all else', () => {
  const greedy = (penalty: number, seen: number[]): number =>
    nextTokenSampler({ repetitionPenalty: penalty })([2, 1.5, -1], { step: 0, sample: 0, seen: new Set(seen) });
  expect(greedy(1, [0])).toBe(0);
  expect(greedy(1.3, [0])).toBe(0); // 2 / 1.3 > 1.5
  expect(greedy(1.4, [0])).toBe(1);
  expect(greedy(1.4, [0, 1])).toBe(0);
  expect(greedy(0.5, [1])).toBe(1);
  expect(nextTokenSampler({ repetitionPenalty: 2 })([-2, -1.5], { step: 0, sample: 0, seen: new Set([1]) })).toBe(0);
  // Token 0 falls from the first place to the last, so that top-k leaves the other.
  expect(drawn([2, 1.5], { repetitionPenalty: 10, topK: 1 }, [0])).toEqual([1]);
  const logits = Float32Array.from([2, 1]);
  expect(nextTokenSampler({ repetitionPenalty: 4 })(logits, { step: 0, sample: 0, seen: new Set([0]) })).toBe(1);
  expect([...logits]).toEqual([2, 1]);
});

test.each([
  { minP: -0.1 },
  { minP: 1.1 },
  { minP: Number.NaN },
  { repetitionPenalty: 0 },
  { repetitionPenalty: -1 },
  { repetitionPenalty: Infinity },
])('refuses %j', (options) => {
  expect(() => nextTokenSampler(options)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
});
