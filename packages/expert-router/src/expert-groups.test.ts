import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { expertGroups, intervalOfGroup, layersOfGroup } from './expert-groups.ts';
import { groupOfTime, requireOneGroup } from './group-of-time.ts';

const paper = expertGroups({ layers: 28, groups: 4 });

describe('groups', () => {
  test('cut the layers and the times as the paper does', () => {
    expect(paper).toEqual({ layers: 28, groups: 4, layersPerGroup: 7, boundaries: [0, 0.25, 0.5, 0.75, 1] });
    expect(Object.isFrozen(paper) && Object.isFrozen(paper.boundaries)).toBe(true);
    expect([0, 1, 2, 3].map((k) => layersOfGroup(paper, k))).toEqual([
      [0, 7],
      [7, 14],
      [14, 21],
      [21, 28],
    ]);
    expect(intervalOfGroup(paper, 3)).toEqual([0.75, 1]);
    expect(() => layersOfGroup(paper, 4)).toThrow(/group to be an integer in \[0, 3\]/);
    expect(() => intervalOfGroup(paper, -1)).toThrow(/group to be an integer/);
  });

  test.each([
    [{ layers: 28, groups: 0 }, /groups to be an integer >= 1, got 0/],
    [{ layers: 28, groups: 1.5 }, /groups to be an integer/],
    [{ layers: 0, groups: 1 }, /layers to be an integer >= 1/],
    [{ layers: 28, groups: 5 }, /divisible by groups, got 28 layers in 5 groups/],
    [{ layers: 4, groups: 2, boundaries: [0, 1] }, /3 boundaries for 2 groups, got \[0, 1\]/],
    [{ layers: 4, groups: 2, boundaries: [0.1, 0.5, 1] }, /boundaries\[0\] to be 0, got 0.1/],
    [{ layers: 4, groups: 2, boundaries: [0, 0.5, 0.9] }, /boundaries\[2\] to be 1, got 0.9/],
    [{ layers: 6, groups: 3, boundaries: [0, 0.6, 0.4, 1] }, /boundaries\[2\] to exceed .* got 0.4 after 0.6/],
    [{ layers: 4, groups: 2, boundaries: [0, 0, 1] }, /boundaries\[1\] to exceed/],
    [{ layers: 4, groups: 2, boundaries: [0, Number.NaN, 1] }, /boundaries\[1\] to exceed .* got NaN/],
  ])('refuse %j', (options, message) => {
    expect(() => expertGroups(options)).toThrow(message);
  });
});

describe('groupOfTime', () => {
  test.each([
    [0, 0],
    [0.25 - 2e-6, 0],
    [0.25 - 1e-6, 1],
    [0.25 - 1e-9, 1],
    [0.25, 1],
    [0.1 + 0.2 + 0.2, 2],
    [0.7499999, 3],
    [0.74999, 2],
    [1, 3],
  ])('of %d is %d', (time, group) => {
    expect(groupOfTime(paper, time)).toBe(group);
  });

  test('of any step count, step i of N starts in group floor(K i / N), however the time was computed', () => {
    const upTo = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(upTo(12), upTo(200), fc.nat(), (groups, steps, index) => {
        const i = index % steps;
        const router = expertGroups({ layers: groups, groups });
        const expected = Math.floor((groups * i) / steps);
        expect(groupOfTime(router, i / steps)).toBe(expected);
        expect(groupOfTime(router, 1 - (steps - i) / steps)).toBe(expected);
      }),
      { seed: 23, numRuns: 500 },
    );
  });

  test.each([-1e-9, 1.0001, Number.NaN, Infinity])('refuses %d', (time) => {
    expect(() => groupOfTime(paper, time)).toThrow(/groupOfTime: expected time to be a finite number in \[0, 1\]/);
  });
});

test('a batch belongs to one group or is refused', () => {
  expect(requireOneGroup(paper, Float32Array.of(0.3, 0.26, 0.49))).toBe(1);
  expect(requireOneGroup(expertGroups({ layers: 28, groups: 1 }), [0, 0.5, 1])).toBe(0);
  expect(() => requireOneGroup(paper, [0.3, 0.4, 0.6])).toThrow(/here group 1 \(t = 0.3\), got group 2 at index 2/);
  expect(() => requireOneGroup(paper, [])).toThrow(/at least one time/);
  expect(() => requireOneGroup(paper, [0.3, Number.NaN])).toThrow(/time to be a finite number/);
});
