import { openFileStore, type FileStore } from '@latte-flow/checkpoint';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { ModelInputs } from '../forward/model-inputs.ts';
import { disposeContextCache } from '../forward/forward.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import { byteTokenizerJson } from '../testing/byte-tokenizer.ts';
import { GoldenVlm, largestDifference, vlmFixtures } from '../testing/golden-vlm.ts';
import type { ChatMessage } from '../text/chat.ts';
import { VisionLanguageModel } from '../vision-language-model.ts';
import { DecodingCache } from './decoding-cache.ts';

const golden = new GoldenVlm(vlmFixtures('qwen2_vl')[0]!);
const images = [golden.image(0), golden.image(1)];
const inverted = images.map((image) => ({ ...image, data: image.data.map((value) => 255 - value) }));
const options = { maxNewTokens: 7, eosTokenIds: [] };

async function chattyStore(): Promise<FileStore> {
  const folder = await openFileStore(golden.folder);
  const tokenizer = new TextEncoder().encode(JSON.stringify(byteTokenizerJson()));
  return {
    ...folder,
    read: async (path, more) => (path === 'tokenizer.json' ? tokenizer : folder.read(path, more)),
    exists: async (path) => path === 'tokenizer.json' || folder.exists(path),
  };
}

let model: VisionLanguageModel;
let before = 0;
beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
  model = await VisionLanguageModel.fromPretrained(await chattyStore());
});
afterAll(() => model.dispose());
beforeEach(() => {
  before = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(before));

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

describe('several turns', () => {
  const turns: { question: string; images?: readonly RgbImage[] }[] = [
    { question: 'What is it?', images: [images[0]!] },
    { question: 'Why?' },
    { question: 'And this one?', images: [images[1]!] },
    { question: 'Both?' },
  ];

  test.each([{}, { temperature: 1.2, topP: 0.9, seed: 5 }, { repetitionPenalty: 1.3 }])(
    'answer as if all were encoded anew, with %j',
    async (sampling) => {
      using session = model.chat({ system: 'Be brief.' });
      const messages: ChatMessage[] = [{ role: 'system', content: 'Be brief.' }];
      const shown: RgbImage[] = [];
      for (const turn of turns) {
        const held = session.cachedTokens;
        const content = [
          ...(turn.images ?? []).map(() => ({ type: 'image' as const })),
          { type: 'text' as const, text: turn.question },
        ];
        messages.push({ role: 'user', content });
        shown.push(...(turn.images ?? []));
        const anew = await textOf(model.generate({ messages, images: shown }, { ...options, ...sampling }));
        const answer = await textOf(session.ask(turn.question, { ...options, ...sampling, images: turn.images ?? [] }));
        expect(answer).toBe(anew);
        expect(session.cachedTokens).toBeGreaterThan(held);
        messages.push({ role: 'assistant', content: answer });
      }
      expect(session.messages).toHaveLength(9);
      expect(session.messages.at(-1)).toEqual(messages.at(-1));
    },
  );

  test('encode only what is new, with the logits of all', async () => {
    const inputs = (messages: readonly ChatMessage[], pictures: readonly RgbImage[]): ModelInputs =>
      model.prepare([{ messages, images: pictures }]);
    const first = { role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What is it?' }] } as const;
    const answer = { role: 'assistant', content: 'A cat.' } as const;
    const longer = [
      first,
      answer,
      { role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'And it?' }] },
    ] as const;
    const otherwise = [first, { role: 'assistant', content: 'A dog, I believe.' }, longer[2]] as const;
    const prompts: [ModelInputs, (prompt: ModelInputs, held: ModelInputs) => number][] = [
      [inputs([first], [images[0]!]), () => 0],
      // Its end, and the "A" that was decoded after it.
      [inputs(longer, [images[0]!, images[1]!]), (_, held) => held.length + 1],
      // The same again: the last token alone.
      [inputs(longer, [images[0]!, images[1]!]), ({ length }) => length - 1],
      // Another second image, of the same size: up to its place.
      [inputs(longer, [images[0]!, inverted[1]!]), (prompt) => prompt.ids.lastIndexOf(243) + 1],
      // Another answer: up to "A ".
      [inputs(otherwise, [images[0]!, images[1]!]), () => inputs([first], [images[0]!]).length + 2],
      // Another first image: up to its place.
      [inputs([first], [inverted[0]!]), (prompt) => prompt.ids.indexOf(243) + 1],
      // Nothing but the system's message and the user's name.
      [inputs([{ role: 'user', content: 'Hi' }], []), ({ length }) => length - 'Hi'.length - '_\n_assistant\n'.length],
    ];
    using cache = new DecodingCache(model.parameters, model.config);
    let held = prompts[0]![0];
    for (const [i, [prompt, expected]] of prompts.entries()) {
      expect(cache.reusable(prompt), `prompt ${i}`).toBe(expected(prompt, held));
      const logits = cache.run(prompt);
      expect(cache.length).toBe(prompt.length);
      const whole = model.forward(prompt, { logits: 'last' });
      expect(largestDifference(await logits.data(), (await whole.logits.data()) as Float32Array)).toBeLessThan(1e-4);
      const more = cache.advance(Int32Array.of(65));
      const padded = { ...prompt, ids: Int32Array.from([...prompt.ids, 65]), length: prompt.length + 1 };
      const next = model.forward({ ...padded, mask: new Uint8Array(padded.length).fill(1) }, { logits: 'last' });
      expect(largestDifference(await more.data(), (await next.logits.data()) as Float32Array)).toBeLessThan(1e-4);
      for (const output of [whole, next]) {
        output.logits.dispose();
        output.hidden.dispose();
        disposeContextCache(output.cache);
      }
      logits.dispose();
      more.dispose();
      held = prompt;
    }
    expect(
      cache.reusable(
        model.prepare([
          { messages: [first], images: [images[0]!] },
          { messages: [first], images: [images[0]!] },
        ]),
      ),
    ).toBe(0);
  });

  test('an answer that is left or aborted stays as far as it came; the next turn goes on', async () => {
    using session = model.chat();
    for await (const piece of session.ask('Hi', options)) {
      expect(session.messages).toEqual([]);
      expect(piece).not.toBe('');
      break;
    }
    expect(session.messages).toHaveLength(2);
    const controller = new AbortController();
    const reason = new Error('enough');
    let kept = '';
    const aborted = (async () => {
      for await (const piece of session.ask('More', { ...options, signal: controller.signal })) {
        kept += piece;
        controller.abort(reason);
      }
    })();
    await expect(aborted).rejects.toBe(reason);
    expect(session.messages.at(-1)).toEqual({ role: 'assistant', content: kept });
    const anew = await textOf(
      model.generate({ messages: [...session.messages, { role: 'user', content: 'Go on' }] }, options),
    );
    expect(await textOf(session.ask('Go on', options))).toBe(anew);
  });

  test('refused questions leave the session as it was', async () => {
    using session = model.chat();
    const first = await textOf(session.ask('Hi', options));
    const { messages, cachedTokens } = session;
    const refused = async (question: string, more: object, message: string | RegExp): Promise<void> => {
      await expect(textOf(session.ask(question, more))).rejects.toThrow(message);
      expect(session.messages).toBe(messages);
      expect(session.cachedTokens).toBe(cachedTokens);
    };
    await refused(' ', {}, 'ChatSession.ask: expected a question with text in it, got " "');
    await refused('x'.repeat(600), {}, 'at most 512 tokens');
    await refused('Hi', { images: [{ data: new Uint8Array(3), width: 2, height: 2 }] }, 'RGB image');
    await refused('Hi', { stop: [''] }, 'stop to be a list');
    await refused('Hi', { maxNewTokens: 0 }, 'maxNewTokens');
    await refused('Hi', { signal: AbortSignal.abort(new Error('before')) }, 'before');
    await expect(textOf(session.ask([{ type: 'image' }], options))).rejects.toThrow('a place for each of the 0 images');
    const running = session.ask('Hi', options);
    await running.next();
    await expect(textOf(session.ask('Hi'))).rejects.toThrow('one question at a time');
    await running.return();
    expect(first).not.toBe('');
  });

  test('disposing, even during an answer, frees the cache; use after that is refused', async () => {
    const session = model.chat();
    for await (const piece of session.ask('Hi', options)) {
      expect(piece).not.toBe('');
      session.dispose();
      break;
    }
    expect(memory().numTensors).toBe(before);
    session.dispose();
    await expect(textOf(session.ask('Hi'))).rejects.toMatchObject({ code: 'disposed' });
  });
});

describe('batches and stop strings', () => {
  const conversations = [
    { messages: [{ role: 'user', content: 'Hi' }] as const },
    {
      messages: [
        { role: 'user', content: [{ type: 'image' }, { type: 'image' }, { type: 'text', text: 'Which?' }] },
      ] as const,
      images,
    },
    { messages: [{ role: 'user', content: 'A question that is rather longer' }] as const },
  ];

  async function answersOf(more: object): Promise<string[]> {
    const answers = conversations.map(() => '');
    for await (const { sample, text } of model.generateBatch(conversations, { ...options, ...more })) {
      answers[sample] += text;
    }
    return answers;
  }

  test.each([{}, { repetitionPenalty: 1.5 }])('each is answered as alone, with %j', async (more) => {
    const alone: string[] = [];
    for (const each of conversations) alone.push(await textOf(model.generate(each, { ...options, ...more })));
    expect(await answersOf(more)).toEqual(alone);
  });

  test('a stop string ends its own sample, and is not shown', async () => {
    const whole = await answersOf({ maxNewTokens: 12 });
    const [first, last] = [whole[0]!, whole[2]!];
    // A part of the first answer that begins in one piece and ends in another.
    const points = [...first];
    const stop = points.slice(1, 4).join('');
    expect(points.length).toBeGreaterThan(4);
    const stopped = await answersOf({ maxNewTokens: 12, stop: [stop, 'never said'] });
    expect(stopped[0]).toBe(first.slice(0, first.indexOf(stop)));
    expect(stopped[2]).toBe(last.includes(stop) ? last.slice(0, last.indexOf(stop)) : last);
  });

  test('end tokens are left out of the text, whatever they are', async () => {
    const [ids] = await model.generateIds(model.prepare([conversations[0]!]), options);
    const third = ids![3]!;
    const expected = model.tokenizer.decode(ids!.slice(0, ids!.indexOf(third)));
    expect(await textOf(model.generate(conversations[0]!, { ...options, eosTokenIds: [third] }))).toBe(expected);
  });
});
