import { expect, test } from 'vitest';

import { createTokenizer } from './tokenizer.ts';

const model = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] };
const file = {
  added_tokens: [{ id: 3, content: '<|end|>' }],
  normalizer: null,
  post_processor: null,
  pre_tokenizer: null,
  decoder: null,
  model,
};

test('merges are pairs or text', () => {
  expect(createTokenizer({ tokenizer: file }).encode('ab<|end|>')).toEqual([2, 3]);
  const pairs = { ...file, model: { ...model, merges: [['a', 'b']] } };
  expect(createTokenizer({ tokenizer: pairs }).encode('ab')).toEqual([2]);
});

test.each<[string, object, string]>([
  ['a token as long as it says', { added_tokens: [{ id: 3, content: { length: 2 ** 31 } }] }, 'an added token without'],
  ['added tokens that are no list', { added_tokens: {} }, 'got added_tokens an object'],
  ['no model', { model: undefined }, 'got model undefined'],
  ['ids that are no integers', { model: { ...model, vocab: { a: 0.5 } } }, 'a vocabulary other than tokens with ids'],
  ['merges of numbers', { model: { ...model, merges: [3] } }, 'merges other than pairs of text'],
])('refuses %s', (_, change, message) => {
  const changed = { ...file, ...change };
  expect(() => createTokenizer({ tokenizer: changed })).toThrow(message);
  expect(() => createTokenizer({ tokenizer: changed })).toThrow(
    expect.objectContaining({ code: 'checkpoint-invalid' }),
  );
});
