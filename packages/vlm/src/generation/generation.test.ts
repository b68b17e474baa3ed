import { expect, test } from 'vitest';

import { byteTokenizer } from '../testing/byte-tokenizer.ts';
import { argMax, nextTokenSampler } from './sampling.ts';
import { textPieces } from './text-pieces.ts';

const logits = Float32Array.from([1, 3, 2, 0.5, 2.5]);

function draws(options: Parameters<typeof nextTokenSampler>[0], count = 4000): number[] {
  const next = nextTokenSampler(options);
  return Array.from({ length: count }, (_, step) => next(logits, { step, sample: 0 }));
}

test('greedy takes the largest, the first of equals', () => {
  expect(argMax(logits)).toBe(1);
  expect(argMax([2, 2])).toBe(0);
  expect(new Set(draws({}, 5))).toEqual(new Set([1]));
});

test('sampling draws from the softmax at the temperature', () => {
  const found = draws({ temperature: 0.7, seed: 5 });
  const weights = [...logits].map((value) => Math.exp(value / 0.7));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  weights.forEach((weight, id) => {
    expect(found.filter((token) => token === id).length / found.length).toBeCloseTo(weight / total, 1);
  });
});

test('top-k and top-p cut the tail', () => {
  expect(new Set(draws({ temperature: 2, topK: 2 }))).toEqual(new Set([1, 4]));
  expect(new Set(draws({ temperature: 1, topP: 0.4 }))).toEqual(new Set([1]));
  expect(new Set(draws({ temperature: 1, topP: 0.5 }))).toEqual(new Set([1, 4]));
});

test('a draw depends on seed, step and sample alone', () => {
  expect(draws({ temperature: 1, seed: 1 }, 50)).toEqual(draws({ temperature: 1, seed: 1 }, 50));
  expect(draws({ temperature: 1, seed: 1 }, 50)).not.toEqual(draws({ temperature: 1, seed: 2 }, 50));
  const next = nextTokenSampler({ temperature: 1 });
  const bySample = [0, 1].map((sample) => Array.from({ length: 50 }, (_, step) => next(logits, { step, sample })));
  expect(bySample[0]).not.toEqual(bySample[1]);
});

test.each([{ temperature: -1 }, { temperature: Number.NaN }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }, { seed: -1 }])(
  'refuses %j',
  (options) => {
    expect(() => nextTokenSampler(options)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  },
);

async function piecesOf(ids: readonly number[]): Promise<string[]> {
  const pieces: string[] = [];
  const tokens = (async function* () {
    yield* ids;
  })();
  for await (const piece of textPieces(tokens, byteTokenizer())) pieces.push(piece);
  return pieces;
}

test('pieces never split a code point', async () => {
  const bytes = [...new TextEncoder().encode('aé€ b')];
  expect(await piecesOf(bytes)).toEqual(['a', 'é', '€', ' ', 'b']);
});

test('an unfinished code point comes out at the end, special tokens never', async () => {
  expect(await piecesOf([0x61, 0xe2, 0x82])).toEqual(['a', '\uFFFD']);
  expect(await piecesOf([0x61, 242, 0x62])).toEqual(['a', 'b']);
  expect(await piecesOf([])).toEqual([]);
});
