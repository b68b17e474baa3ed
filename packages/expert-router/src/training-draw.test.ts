import { NoisePurpose, uniformNoise } from '@latte-flow/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { expertGroups, intervalOfGroup } from './expert-groups.ts';
import { requireOneGroup } from './group-of-time.ts';
import { drawGroupTimes, groupOfMicroBatch } from './training-draw.ts';

const groups = expertGroups({ layers: 8, groups: 4, boundaries: [0, 0.1, 0.5, 0.8, 1] });
/** pdf 3 t^2 */
const cubic = { cdf: (time: number) => time ** 3, inverseCdf: Math.cbrt };

test('micro-batches take the groups in turn', () => {
  expect([0, 1, 2, 3, 4, 9].map((index) => groupOfMicroBatch(groups, index))).toEqual([0, 1, 2, 3, 0, 1]);
  expect([0, 1, 2, 3].map((index) => groupOfMicroBatch(groups, index, { trained: [3, 1] }))).toEqual([3, 1, 3, 1]);
  expect(() => groupOfMicroBatch(groups, -1)).toThrow(/index to be an integer >= 0/);
});

test('times follow the density inside the interval: known quantiles', () => {
  const [low, high] = [0.5 ** 3, 0.8 ** 3];
  const drawn = drawGroupTimes(groups, { group: 2, density: cubic, uniforms: [0, 0.25, 0.5] });
  expect(drawn[0]).toBeCloseTo(0.5, 14);
  expect(drawn[1]).toBeCloseTo(Math.cbrt(low + 0.25 * (high - low)), 14);
  expect(drawn[2]).toBeCloseTo(Math.cbrt(low + 0.5 * (high - low)), 14);
});

test('every draw is of its group, the ends of the uniforms included', () => {
  const group = fc.integer({ min: 0, max: 3 });
  fc.assert(
    fc.property(group, fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (group, uniforms) => {
      const drawn = drawGroupTimes(groups, { group, density: cubic, uniforms: [0, 1 - 1e-9, 1, ...uniforms] });
      expect(requireOneGroup(groups, drawn)).toBe(group);
      const [start, end] = intervalOfGroup(groups, group);
      for (const time of drawn) expect(time >= start && time <= end).toBe(true);
    }),
    { seed: 41, numRuns: 200 },
  );
});

test('draws have the mean of the conditioned density', () => {
  const uniforms = uniformNoise(20_000, { seed: 9, purpose: NoisePurpose.time });
  const drawn = drawGroupTimes(groups, { group: 1, density: cubic, uniforms });
  const mean = drawn.reduce((sum, time) => sum + time, 0) / drawn.length;
  const expected = (3 / 4) * ((0.5 ** 4 - 0.1 ** 4) / (0.5 ** 3 - 0.1 ** 3));
  expect(Math.abs(mean - expected)).toBeLessThan(2e-3);
});

test('bad input', () => {
  const draw = { group: 0, density: cubic, uniforms: [0.5] };
  expect(() => drawGroupTimes(groups, { ...draw, group: 4 })).toThrow(
    /drawGroupTimes: expected group to be an integer/,
  );
  expect(() => drawGroupTimes(groups, { ...draw, uniforms: [0.5, -1] })).toThrow(/uniforms\[1\]/);
  const late = { cdf: (time: number) => (time < 0.2 ? 0 : 1), inverseCdf: () => 0.2 };
  expect(() => drawGroupTimes(groups, { ...draw, density: late })).toThrow(/mass in the interval of group 0/);
});
