import { expect, test } from 'vitest';

import { describeValue, LatteFlowError } from './errors.ts';
import { requireFinite, requireInteger, requireOneOf } from './guards.ts';
import { requireShape } from './shape.ts';
import { isAbort, throwIfAborted } from './abort.ts';

test('a message names the function, the expectation, the value and the remedy', () => {
  const error = new LatteFlowError('invalid-argument', {
    where: 'planSampling',
    expected: 'steps >= 1',
    got: '0',
    remedy: 'Ask for at least one step.',
    data: { steps: 0 },
    cause: 'why',
  });
  expect(error.message).toBe('planSampling: expected steps >= 1, got 0. Ask for at least one step.');
  expect(error).toMatchObject({ code: 'invalid-argument', where: 'planSampling', data: { steps: 0 }, cause: 'why' });
  expect(LatteFlowError.isInstance(error)).toBe(true);
  expect(LatteFlowError.isInstance(new Error('other'))).toBe(false);
});

test('guards return what they accept and refuse the rest', () => {
  expect(requireInteger('f', 'n', 3, { min: 1 })).toBe(3);
  expect(requireFinite('f', 'w', -0.5)).toBe(-0.5);
  expect(requireOneOf('f', 'solver', 'euler', ['euler', 'heun'])).toBe('euler');
  expect(() => requireInteger('f', 'n', 0, { min: 1 })).toThrow('f: expected n to be an integer >= 1, got 0.');
  expect(() => requireFinite('f', 'w', Number.NaN)).toThrow('got NaN');
  expect(() => requireFinite('f', 'w', '1')).toThrow('got "1"');
  expect(() => requireOneOf('f', 'solver', 'x', ['euler', 'heun'])).toThrow('one of euler, heun, got "x"');
});

test('shapes bind letters once', () => {
  expect(requireShape('f', 'x', [2, 5, 8], ['B', 'N', 8])).toEqual({ B: 2, N: 5 });
  expect(() => requireShape('f', 'x', [2, 5], ['B', 'B'])).toThrow('f: expected x of shape [B, B], got [2, 5]');
  expect(() => requireShape('f', 'x', [2], ['B'], { B: 3 })).toThrow('with B = 3');
});

test('long values are shortened', () => {
  expect(describeValue('a'.repeat(200)).length).toBeLessThan(90);
  expect(describeValue([1, 2, 3, 4, 5, 6, 7, 8, 9])).toContain('9 in all');
  expect(describeValue(new Uint8Array(3))).toBe('a Uint8Array of 3 bytes');
  expect(describeValue(undefined)).toBe('undefined');
});

test('an aborted signal throws its reason', () => {
  const controller = new AbortController();
  throwIfAborted(controller.signal);
  controller.abort();
  const caught = (() => {
    try {
      throwIfAborted(controller.signal);
      return undefined;
    } catch (error) {
      return error;
    }
  })();
  expect(caught).toBe(controller.signal.reason);
  expect(isAbort(caught, controller.signal)).toBe(true);
  expect(isAbort(new Error('other'), controller.signal)).toBe(false);
});
