import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { byteTokenizer } from '../testing/byte-tokenizer.ts';
import { StopStrings } from './stop-strings.ts';
import { textPieces } from './text-pieces.ts';

/** What is shown of pieces, piece by piece. */
function shown(pieces: readonly string[], stop: readonly string[]): string[] {
  const filter = new StopStrings(stop);
  const out: string[] = [];
  for (const piece of pieces) {
    out.push(filter.push(piece));
    if (filter.found) return out;
  }
  return [...out, filter.finish()];
}

test('a stop string across pieces ends the text before it; what only began like one comes out', () => {
  expect(shown(['Hello', ' E', 'N', 'D of'], ['END'])).toEqual(['Hello', ' ', '', '']);
  expect(shown(['Hello', ' E', 'N', 'TER'], ['END'])).toEqual(['Hello', ' ', '', 'ENTER', '']);
  expect(shown(['ab', 'ab', 'ac'], ['abac'])).toEqual(['', 'ab', '']);
  expect(shown(['on E'], ['END'])).toEqual(['on ', 'E']);
  expect(shown(['a', 'b'], [])).toEqual(['a', 'b', '']);
});

test('of several the one that ends first counts, the longer of two that end together', () => {
  expect(shown(['xabcd'], ['abcd', 'bc'])).toEqual(['xa']);
  expect(shown(['xabcd'], ['bcd', 'abcd'])).toEqual(['x']);
});

test('the text does not depend on where the pieces are cut, and holds nothing of a stop string', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 24 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(letters, stops, fc.array(fc.nat(5)), (text, stop, cuts) => {
      const points = [...text];
      const pieces: string[] = [];
      for (const length of [...cuts, Infinity]) pieces.push(points.splice(0, length).join(''));
      const found = shown(pieces, stop).join('');
      expect(found).toBe(shown([...text], stop).join(''));
      const ends = stop.filter((each) => text.includes(each)).map((each) => text.indexOf(each) + each.length);
      if (ends.length === 0) expect(found).toBe(text);
      else {
        expect(text.startsWith(found)).toBe(true);
        const end = Math.min(...ends);
        expect(stop).toContain(text.slice(found.length, end));
      }
      for (const each of stop) expect(found).not.toContain(each);
      // Even half-way, nothing is out that a stop string takes back.
      for (let i = 1; i < pieces.length; i++) {
        const early = new StopStrings(stop);
        expect(
          found.startsWith(
            pieces
              .slice(0, i)
              .map((piece) => early.push(piece))
              .join(''),
          ),
        ).toBe(true);
      }
    }),
    { seed: 4, numRuns: 500 },
  );
});

test.each([[['']], [[1]], ['END'], [['\uD83D']]])('refuses %j', (stop) => {
  expect(() => new StopStrings(stop as string[])).toThrow('stop to be a list of strings with text in them');
});

test('stop strings meet bytes of one code point each', async () => {
  const tokens = (async function* () {
    yield* new TextEncoder().encode('né 猫 fin');
  })();
  const pieces: string[] = [];
  for await (const piece of textPieces(tokens, byteTokenizer(), { stop: ['猫 f'] })) pieces.push(piece);
  expect(pieces).toEqual(['n', 'é', ' ']);
});
