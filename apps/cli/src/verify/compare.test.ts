import { describe, expect, test } from 'vitest';

import { errorBetween, list } from './compare.ts';

describe('errorBetween', () => {
  const [actual, expected] = [list([1, 2.5, -4]), list([1, 2, -5])];

  test.each([
    ['absolute', 1],
    ['scaled', 0.2],
    ['relative', 0.2],
    ['exact', 2],
  ] as const)('%s', (metric, error) => {
    expect(errorBetween(actual, expected, { metric })).toBe(error);
  });

  test('relative is absolute below 1, scaled is absolute beside zeros', () => {
    expect(errorBetween(list([0.25]), list([0.5]), { metric: 'relative' })).toBe(0.25);
    expect(errorBetween(list([0.25]), list([0.5]), { metric: 'scaled' })).toBe(0.5);
    expect(errorBetween(list([0.25]), list([0]), { metric: 'scaled' })).toBe(0.25);
  });

  test.each(['absolute', 'scaled', 'relative'] as const)('%s of a NaN is infinite', (metric) => {
    expect(errorBetween(list([NaN, 0]), list([1, 0]), { metric })).toBe(Infinity);
    expect(errorBetween(list([0, 0]), list([1, NaN]), { metric })).not.toBeLessThanOrEqual(1e9);
  });

  test('only visible tokens count, on whichever axis they are', () => {
    const shape = [2, 2, 3]; // [B, G, T]
    const values = (at: number) => ({ values: Array.from({ length: 12 }, (_, i) => Number(i === at)), shape });
    const zeros = values(-1);
    const visible = { mask: [1, 0, 1, 1, 1, 0], axis: 2 };
    const hidden = Array.from({ length: 12 }, (_, i) => i).filter(
      (i) => errorBetween(values(i), zeros, { metric: 'absolute', visible }) === 0,
    );
    expect(hidden).toEqual([1, 4, 8, 11]);
  });

  test('shapes that differ, a length that lies, and nothing to compare are refused', () => {
    const metric = 'absolute';
    expect(() => errorBetween(list([1]), list([1, 2]), { metric })).toThrow('the result');
    expect(() => errorBetween({ values: [1], shape: [2] }, { values: [1], shape: [2] }, { metric })).toThrow(
      'the fixture',
    );
    expect(() => errorBetween(list([]), list([]), { metric })).toThrow('at least one entry');
  });
});
