import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { customSigmas } from './custom.ts';
import { shiftSigmas } from './shift.ts';
import { uniformSigmas } from './uniform.ts';

interface ScheduleHelpers {
  readonly time_shift: {
    readonly t: readonly number[];
    readonly static: readonly { readonly shift: number; readonly out: readonly number[] }[];
  };
}

test.each(schedulerFixtures<ScheduleHelpers>('schedule_helpers'))('$title: static shift', ({ content }) => {
  const { t, static: cases } = content.time_shift;
  for (const { shift, out } of cases) expect(relativeError(shiftSigmas(t, shift), out)).toBeLessThan(1e-12);
});

test('the uniform grid is frozen, descends from 1 and ends in 0', () => {
  expect(uniformSigmas(4)).toEqual([1, 0.75, 0.5, 0.25, 0]);
  expect(uniformSigmas(1)).toEqual([1, 0]);
  expect(Object.isFrozen(uniformSigmas(3))).toBe(true);
  for (const steps of [0, 1.5, Number.NaN]) expect(() => uniformSigmas(steps)).toThrow(/steps to be an integer >= 1/);
});

test('a shift keeps the ends and the order, and shifts multiply', () => {
  const shift = fc.double({ min: 0.05, max: 20, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), shift, shift, (steps, a, b) => {
      const shifted = shiftSigmas(uniformSigmas(steps), a);
      expect([shifted[0], shifted.at(-1)]).toEqual([1, 0]);
      shifted.slice(1).forEach((sigma, i) => expect(sigma).toBeLessThan(shifted[i]!));
      expect(relativeError(shiftSigmas(shifted, b), shiftSigmas(uniformSigmas(steps), a * b))).toBeLessThan(1e-13);
    }),
    { seed: 5, numRuns: 200 },
  );
  for (const bad of [0, -1, Number.NaN]) expect(() => shiftSigmas([1, 0], bad)).toThrow(/shiftSigmas: expected shift/);
});

test('custom sigmas end in 0, and a fault is named by its index', () => {
  expect(customSigmas([1, 0.6, 0.2])).toEqual([1, 0.6, 0.2, 0]);
  expect(customSigmas([0.8, 0])).toEqual([0.8, 0]);
  expect(() => customSigmas([1, 0.6, 0.7])).toThrow(
    /sigmas\[2\] to continue strictly in one direction, got 0.7 after 0.6/,
  );
  expect(() => customSigmas([1, Infinity])).toThrow(/sigmas\[1\] to be a finite number/);
  expect(() => customSigmas([1.2, 0.5])).toThrow(/sigmas\[0\] to be in \[0, 1\]/);
  expect(() => customSigmas([0, 0.5, 1])).toThrow(/sigmas\[3\] to continue/);
  expect(() => customSigmas([])).toThrow(/at least two numbers/);
});
