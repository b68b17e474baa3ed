import { expect, test } from 'vitest';

import { eachInOrder } from './dependency-order.ts';

const needs = new Map([
  ['app', ['library', 'elsewhere']],
  ['library', ['core']],
  ['other', ['core']],
  ['core', []],
]);

test('each task starts after those it needs, and no more run at once than allowed', async () => {
  const events: string[] = [];
  let running = 0;
  let most = 0;
  await eachInOrder(needs, {
    parallel: 2,
    run: async (name) => {
      most = Math.max(most, ++running);
      await new Promise((wake) => setTimeout(wake, 5));
      running -= 1;
      events.push(name);
    },
  });
  expect(events[0]).toBe('core');
  expect(events.indexOf('library')).toBeLessThan(events.indexOf('app'));
  expect(events.toSorted()).toEqual(['app', 'core', 'library', 'other']);
  expect(most).toBe(2);
});

test('a cycle is refused', async () => {
  const cycle = new Map([
    ['a', ['b']],
    ['b', ['a']],
  ]);
  await expect(eachInOrder(cycle, { parallel: 2, run: async () => {} })).rejects.toThrow('cycle');
});

test('a failure stops what depends on it', async () => {
  const started: string[] = [];
  const run = async (name: string) => {
    started.push(name);
    if (name === 'core') throw new Error('core is broken');
  };
  await expect(eachInOrder(needs, { parallel: 2, run })).rejects.toThrow('core is broken');
  expect(started).toEqual(['core']);
});
