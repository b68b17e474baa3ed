import { expect, test, vi } from 'vitest';

import { runCase } from './run-case.ts';
import { targets } from './targets.ts';

const CASES = 2002;

test(`${CASES} damaged files load or are refused with this project's error`, async () => {
  // The tokenizer's library warns of every pattern that it does not know.
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const seen = new Map(targets.map(({ name }) => [name, { loaded: 0, refused: 0 }]));
  for (let index = 0; index < CASES; index++) {
    const { target, refused } = await runCase(1, index);
    seen.get(target)![refused ? 'refused' : 'loaded'] += 1;
  }
  // A fuzzer that only ever meets one of the two says nothing about the other.
  for (const [name, { loaded, refused }] of seen) {
    expect(loaded, `${name} loaded`).toBeGreaterThan(10);
    expect(refused, `${name} refused`).toBeGreaterThan(10);
  }
});
