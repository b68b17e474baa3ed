import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, test } from 'vitest';

import { trainBytePairs } from './byte-pair-encoding.ts';
import { byteCharacters, splitWords } from './pre-tokenizer.ts';
import { specialTokens, tokenizerConfig, tokenizerJson } from './tokenizer-files.ts';

const text = [
  'a red apple',
  'a red apple, noto style, in the centre on a white background',
  'an owl on the left and a red rose on the right',
  'a small dog at the bottom right on a green background',
  'Which style is it? noto',
].join('\n');

function wordCounts(of: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of splitWords(of)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** The definition, written out: try every pair of tokens, in the order of their ids, by scanning every word. */
function naiveMerges(counts: ReadonlyMap<string, number>, merges: number): string[] {
  const tokens = [...byteCharacters].sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0));
  const words = [...counts].map(([word, count]) => ({ pieces: [...word], count }));
  const learnt: string[] = [];
  while (learnt.length < merges) {
    const used = tokens.filter((token) => words.some(({ pieces }) => pieces.includes(token)));
    let best = { name: '', left: '', right: '', count: 0 };
    for (const left of used) {
      for (const right of used) {
        let count = 0;
        for (const word of words) {
          word.pieces.forEach((piece, i) => (count += piece === left && word.pieces[i + 1] === right ? word.count : 0));
        }
        if (count > best.count) best = { name: `${left} ${right}`, left, right, count };
      }
    }
    learnt.push(best.name);
    tokens.push(best.left + best.right);
    for (const word of words) {
      for (let i = 0; i + 1 < word.pieces.length; i++) {
        if (word.pieces[i] === best.left && word.pieces[i + 1] === best.right) {
          word.pieces.splice(i, 2, best.left + best.right);
        }
      }
    }
  }
  return learnt;
}

describe('training', () => {
  test('finds the merges of the naive definition', () => {
    const counts = wordCounts(text);
    const { merges, tokens } = trainBytePairs(counts, { size: 256 + 30 });
    expect(merges.map((pair) => pair.join(' '))).toEqual(naiveMerges(counts, 30));
    expect(tokens.length).toBe(286);
    expect(new Set(tokens).size).toBe(286);
  });

  test('depends on the counts, not on their order', () => {
    const counts = wordCounts(text);
    const reversed = new Map([...counts].toReversed());
    expect(trainBytePairs(reversed, { size: 300 })).toEqual(trainBytePairs(counts, { size: 300 }));
  });

  test('stops where nothing is left to merge', () => {
    expect(trainBytePairs(new Map([['abab', 2]]), { size: 300 }).merges).toEqual([['a', 'b'], ['ab', 'ab']]); // prettier-ignore
  });
});

test('words are cut as by Qwen2, byte by byte', () => {
  expect(splitWords("It's 12 o'clock, 苹果!\n a")).toEqual([
    'It',
    "'s",
    'Ġ',
    '1',
    '2',
    'Ġo',
    "'clock",
    ',',
    `Ġ${[...new TextEncoder().encode('苹果')].map((byte) => byteCharacters[byte]).join('')}`,
    '!Ċ',
    'Ġa',
  ]);
  expect(new Set(byteCharacters).size).toBe(256);
  expect(byteCharacters[0x20]).toBe('Ġ');
  expect(byteCharacters[0x0a]).toBe('Ċ');
});

const shipped = join(import.meta.dirname, '../../packages/emoji/checkpoint/vlm');
const readJson = async (name: string) => JSON.parse(await readFile(join(shipped, name), 'utf8')) as object;
const small = trainBytePairs(wordCounts(text), { size: 300 });

describe.each([
  ['freshly trained', async () => [tokenizerJson(small), tokenizerConfig(small)] as const, 308],
  ['shipped', async () => [await readJson('tokenizer.json'), await readJson('tokenizer_config.json')] as const, 1280],
])('%s', (_, files, size) => {
  test.each([
    'a red apple',
    'What colour is the background?',
    '  two  spaces \n\n and a line ',
    "It's 12:30, 苹果 🍎 ça va — naïve?",
    '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is this?<|im_end|>\n',
    '\u0000\u0007\tDEL\u007f',
  ])('decodes what it encodes: %j', async (sample) => {
    const [json, config] = await files();
    const tokenizer = new Tokenizer(json, config);
    const { ids } = tokenizer.encode(sample, { add_special_tokens: false });
    expect(tokenizer.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false })).toBe(sample);
    expect(ids.every((id: number) => id >= 0 && id < size)).toBe(true);
  });

  test('specials are single tokens at the end of the vocabulary', async () => {
    const [json, config] = await files();
    const tokenizer = new Tokenizer(json, config);
    expect(tokenizer.get_vocab(true).size).toBe(size);
    specialTokens.forEach((token, i) => {
      const id = size - specialTokens.length + i;
      expect(
        tokenizer.encode(`a${token}b`, { add_special_tokens: false }).ids.filter((other: number) => other === id),
      ).toEqual([id]);
    });
  });

  test('merges shorten text', async () => {
    const [json, config] = await files();
    const { ids } = new Tokenizer(json, config).encode(text, { add_special_tokens: false });
    expect(ids.length).toBeLessThan(text.length / 2);
  });
});

test('the shipped tokenizer knows the words of the grammar', async () => {
  const tokenizer = new Tokenizer(await readJson('tokenizer.json'), await readJson('tokenizer_config.json'));
  const count = (sample: string) => tokenizer.encode(sample, { add_special_tokens: false }).ids.length;
  expect(count('a red apple')).toBe(3);
  expect(count('a small dog, twemoji style, at the bottom right on a green background')).toBe(15);
});
