import { expect, test } from 'vitest';

import { constantSchedule, cosineSchedule } from './learning-rate.ts';

test('warm-up rises to the rate, then it stays', () => {
  const rate = constantSchedule({ learningRate: 2, warmupSteps: 4 });
  expect([0, 1, 2, 3, 4, 1000].map(rate)).toEqual([0.5, 1, 1.5, 2, 2, 2]);
  expect(constantSchedule({ learningRate: 3 })(0)).toBe(3);
});

test('the cosine goes from the rate to the final one and stays there', () => {
  const rate = cosineSchedule({ learningRate: 1, warmupSteps: 2, steps: 10, finalLearningRate: 0.2 });
  expect(rate(0)).toBe(0.5);
  expect(rate(2)).toBe(1);
  expect(rate(6)).toBeCloseTo(0.6, 12);
  expect(rate(10)).toBeCloseTo(0.2, 12);
  expect(rate(99)).toBeCloseTo(0.2, 12);
});

test('refuses rates and steps out of range', () => {
  expect(() => constantSchedule({ learningRate: -1 })).toThrow('constantSchedule: expected learningRate');
  expect(() => cosineSchedule({ learningRate: 1, warmupSteps: 5, steps: 5 })).toThrow(
    'cosineSchedule: expected steps to be an integer >= 6',
  );
});
