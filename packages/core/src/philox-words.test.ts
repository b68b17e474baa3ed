import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { compiledFiller, eachWords, plainFiller } from './philox-words.ts';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test('the compiled module draws the blocks of philoxBlock', () => {
  const compiled = compiledFiller()!;
  const plain = plainFiller();
  const place = fc.tuple(word, word, word);
  fc.assert(
    fc.property(word, fc.integer({ min: 1, max: 4096 }), place, fc.tuple(word, word), (first, count, stream, key) => {
      const words = 4 * count;
      expect(compiled(first, count, stream, key).subarray(0, words)).toEqual(
        plain(first, count, stream, key).subarray(0, words),
      );
    }),
    { seed: 5, numRuns: 40 },
  );
});

test.each([0, 1, 16_383, 16_384, 16_385, 40_000])('%i words come in order, all of them', (length) => {
  const seen: number[] = [];
  eachWords(length, { stream: [0, 3, 1], key: [7, 0] }, (words, start, count) => {
    expect(start).toBe(seen.length);
    seen.push(...words.subarray(0, count));
  });
  const blocks = Math.ceil(length / 4);
  const whole = new Uint32Array(4 * blocks);
  const plain = plainFiller();
  for (let block = 0; block < blocks; block++) whole.set(plain(block, 1, [0, 3, 1], [7, 0]).subarray(0, 4), 4 * block);
  expect(Uint32Array.from(seen)).toEqual(whole.subarray(0, length));
});
