import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { LatteFlow } from '../latte-flow.ts';
import { tinyCheckpoint } from '../testing/tiny-model.ts';
import { DEFAULT_QUESTION, describeImage, type DescribeOptions } from './describe-image.ts';

const checkpoint = tinyCheckpoint();
let model: LatteFlow;
let before = 0;

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
  model = await LatteFlow.fromPretrained(checkpoint.folder);
});
afterAll(() => model.dispose());
beforeEach(() => {
  before = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(before));

const image = { data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) % 256), width: 32, height: 32 };
const options = { maxNewTokens: 12, eosTokenIds: [], temperature: 1, seed: 3 };

async function piecesOf(
  more: DescribeOptions = {},
  picture: Parameters<typeof describeImage>[1] = image,
): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of describeImage(model, picture, { ...options, ...more })) pieces.push(piece);
  return pieces;
}

test('streams the backbone’s answer to the question about the picture', async () => {
  const pieces = await piecesOf();
  expect(pieces.length).toBeGreaterThan(2);
  const content = [{ type: 'image' }, { type: 'text', text: DEFAULT_QUESTION }] as const;
  const direct: string[] = [];
  for await (const piece of model.backbone.generate(
    { messages: [{ role: 'user', content }], images: [image] },
    options,
  )) {
    direct.push(piece);
  }
  expect(pieces).toEqual(direct);
  expect(await piecesOf()).toEqual(pieces);
  expect(await piecesOf({ question: 'What colour is it?' })).not.toEqual(pieces);
  expect(await piecesOf({}, { ...image, data: image.data.map((value) => 255 - value) })).not.toEqual(pieces);
});

test('several pictures stand before the question, in their order', async () => {
  const other = { ...image, data: image.data.map((value) => 255 - value) };
  const pieces = await piecesOf({}, [image, other]);
  expect(pieces).not.toEqual(await piecesOf({}, [other, image]));
  const content = [{ type: 'image' }, { type: 'image' }, { type: 'text', text: DEFAULT_QUESTION }] as const;
  const direct = model.backbone.generate({ messages: [{ role: 'user', content }], images: [image, other] }, options);
  let text = '';
  for await (const piece of direct) text += piece;
  expect(pieces.join('')).toBe(text);
  await expect(piecesOf({}, [])).rejects.toThrow('describeImage: expected an image, got none');
});

test('a stop string ends the text before it', async () => {
  const whole = (await piecesOf()).join('');
  const stop = [...whole].slice(2, 4).join('');
  expect((await piecesOf({ stop: [stop] })).join('')).toBe(whole.slice(0, whole.indexOf(stop)));
});

test('leaving the loop early leaves nothing on the device', async () => {
  const pieces = await piecesOf();
  for await (const piece of describeImage(model, image, options)) {
    expect(piece).toBe(pieces[0]);
    break;
  }
});

test('an abort throws the reason; what was streamed before is kept', async () => {
  const controller = new AbortController();
  const pieces: string[] = [];
  const reason = new Error('enough');
  const run = async () => {
    for await (const piece of describeImage(model, image, { ...options, signal: controller.signal })) {
      pieces.push(piece);
      controller.abort(reason);
    }
  };
  await expect(run()).rejects.toBe(reason);
  expect(pieces.length).toBe(1);
});

test('refuses what it cannot answer', async () => {
  await expect(piecesOf({ question: ' ' })).rejects.toThrow(
    'describeImage: expected a question with text in it, got " "',
  );
  await expect(piecesOf({ question: 'why '.repeat(80) })).rejects.toMatchObject({ code: 'context-overflow' });
  await expect(piecesOf({ maxNewTokens: 0 })).rejects.toMatchObject({ code: 'invalid-argument' });
  await expect(piecesOf({}, { ...image, data: image.data.subarray(3) })).rejects.toMatchObject({
    code: 'image-invalid',
  });
});
