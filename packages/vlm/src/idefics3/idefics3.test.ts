import { uniformNoise } from '@latte-flow/core';
import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import { memory, type Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  canonicalWeights,
  continuePrompt,
  disposeContextCache,
  disposeInputs,
  initialiseParameters,
  parameterShapes,
  uploadInputs,
  type Conversation,
  type ModelInputs,
  type RgbImage,
} from '../index.ts';
import { byteTokenizer } from '../testing/byte-tokenizer.ts';
import { GoldenIdefics3 } from '../testing/golden-idefics3.ts';
import { largestDifference, vlmFixtures } from '../testing/golden-vlm.ts';
import { tinyIdefics3Config, tinyIdefics3Tokenizer } from '../testing/tiny-idefics3.ts';
import { VisionLanguageModel } from '../vision-language-model.ts';
import type { Idefics3Config } from './idefics3-config.ts';
import { idefics3Adapter, type TileInput } from './idefics3-adapter.ts';
import { cutIntoTiles } from './image-tiles.ts';
import { padTiles } from './tile-padding.ts';
import { tilePixels } from './tile-pixels.ts';
import type { TileProcessorConfig } from './tile-processor-config.ts';
import { runTileTower } from './vision-tower.ts';

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

const LOGITS = 5e-4;

/** A model of random weights that reads bytes; images of at most 32 x 32 in tiles of 16 x 16. */
function tinyModel(): VisionLanguageModel {
  const config = tinyIdefics3Config;
  const size = { size: { longest_edge: 32 }, max_image_size: { longest_edge: 16 } };
  return new VisionLanguageModel({
    config,
    parameters: ParameterStore.upload(initialiseParameters(config, 3), { where: 'test' }),
    imageProcessor: idefics3Adapter.parseImageProcessor(size, config),
    eosTokenIds: [255],
    tokenizer: tinyIdefics3Tokenizer(),
  });
}

function question(image: RgbImage, text = 'Why?'): Conversation {
  return { messages: [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text }] }], images: [image] };
}

function noiseImage(width: number, height: number): RgbImage {
  const data = Uint8Array.from(uniformNoise(width * height * 3, { seed: 7 }), (x) => Math.floor(x * 256));
  return { data, width, height };
}

test('a question about an image becomes the prompt of SmolVLM, byte for byte', () => {
  using model = tinyModel();
  const { ids, grids } = model.prepare([question(noiseImage(32, 9))]);
  const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
  const [fence, whole, tile] = [245, 219, [246, 246, 246, 246]];
  expect(grids).toEqual([{ frames: 3, rows: 4, columns: 4, tiles: { rows: 1, columns: 2 } }]);
  const first = [fence, 220, ...tile, fence, 221, ...tile, ...bytes('\n\n'), fence, whole, ...tile, fence];
  expect([...ids]).toEqual([1, ...bytes('User:'), ...first, ...bytes('Why?'), 255, ...bytes('\nAssistant:')]);
  const words: Conversation = { messages: [{ role: 'user', content: 'Why?' }] };
  expect([...model.prepare([words]).ids]).toEqual([1, ...bytes('User: Why?'), 255, ...bytes('\nAssistant:')]);
});

test('the smallest and the most extreme images are answered, and nothing leaks', async () => {
  const before = memory().numTensors;
  const model = tinyModel();
  for (const [width, height] of [
    [1, 1],
    [1, 500],
    [500, 1],
  ] as const) {
    let text = '';
    for await (const piece of model.generate(question(noiseImage(width, height)), { maxNewTokens: 2 })) text += piece;
    expect(text.length).toBeLessThanOrEqual(2);
  }
  model.dispose();
  expect(memory().numTensors).toBe(before);
});

test('a padded batch gives each sample the logits that it has alone', async () => {
  using model = tinyModel();
  const samples = [question(noiseImage(30, 30)), question(noiseImage(40, 8), 'What is it?')];
  const { vocabSize } = model.config.text;
  const last = async (conversations: readonly Conversation[]): Promise<Float32Array> => {
    const { logits, hidden, cache } = model.forward(model.prepare(conversations), { logits: 'last' });
    const values = (await logits.data()) as Float32Array;
    for (const tensor of [logits, hidden]) tensor.dispose();
    disposeContextCache(cache);
    return values;
  };
  const together = await last(samples);
  for (const [i, sample] of samples.entries()) {
    const alone = await last([sample]);
    expect(largestDifference(together.subarray(i * vocabSize, (i + 1) * vocabSize), alone)).toBeLessThan(1e-6);
  }
});

test('image tokens and tiles must match, and a refusal leaves no tensor', () => {
  using model = tinyModel();
  const before = memory().numTensors;
  const inputs = model.prepare([question(noiseImage(30, 30))]);
  const refused = (changed: Partial<ModelInputs>, message: string): void => {
    const run = (): unknown => model.forward({ ...inputs, ...changed });
    expect(run).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(run).toThrow(message);
    expect(memory().numTensors).toBe(before);
  };
  const ids = inputs.ids.slice();
  ids[ids.indexOf(246)] = 65;
  refused({ ids }, 'expected 20 image tokens, for the tiles of 1 images, got 19');
  refused({ grids: [] }, 'patches.length');
  refused({ grids: [{ frames: 1, rows: 16, columns: 5 }] }, 'square tiles of one size');
  refused({ patches: inputs.patches!.subarray(1) }, 'patches.length');
});

test('a tokenizer without the image tokens, and an odd tile size, are refused', () => {
  const grid = { frames: 1, rows: 4, columns: 4 };
  const prompt = (): unknown =>
    idefics3Adapter.imagePrompt(grid, { config: tinyIdefics3Config, tokenizer: byteTokenizer() });
  expect(prompt).toThrow('a tokenizer that reads <image> as 246, 4 times, got 0 times');
  const parse = (): unknown =>
    idefics3Adapter.parseImageProcessor({ max_image_size: { longest_edge: 12 } }, tinyIdefics3Config);
  expect(parse).toThrow(expect.objectContaining({ code: 'checkpoint-mismatch' }));
});

test('weights saved from the base model have the same meaning', () => {
  const names = [...parameterShapes(tinyIdefics3Config).keys()];
  const bare = names.map((name) => [name.replace(/^model\./, ''), name] as const);
  expect([...canonicalWeights(bare, tinyIdefics3Config)]).toEqual(names.map((name) => [name, name]));
});

describe.each(vlmFixtures('idefics3'))('the fixture %s', (folder) => {
  const golden = new GoldenIdefics3(folder);
  const cases = Object.keys(golden.golden.cases);
  const withImages = cases.filter((name) => golden.has(`${name}.tiles_u8`));
  let model: VisionLanguageModel;
  let processor: TileProcessorConfig;
  beforeAll(async () => {
    model = await VisionLanguageModel.fromPretrained(folder);
    processor = model.imageProcessor as TileProcessorConfig;
  });
  afterAll(() => model.dispose());

  async function agree(name: string, tensor: Tensor, rows?: { mask: ArrayLike<number>; width: number }): Promise<void> {
    if (!golden.has(name)) return;
    expect(largestDifference(await tensor.data(), golden.floats(name), rows), name).toBeLessThan(LOGITS);
  }

  test.each(withImages)('%s: tiles are the same bytes, pixel values agree to 1e-6', (name) => {
    const { indices, processor: own } = golden.imagesOf(name, processor);
    const cut = indices.map((index) => cutIntoTiles(golden.image(index), own));
    expect(cut.map(({ grid }) => grid)).toEqual(golden.tileGrids(name));
    const tiles = cut.flatMap((each) => each.tiles);
    expect(
      Buffer.concat(tiles.map(({ data }) => Buffer.from(data))).equals(golden.view(`${name}.tiles_u8`).bytes),
    ).toBe(true);
    const { pixels, mask } = padTiles([tilePixels(tiles, own)], own.tileSize);
    if (golden.has(`${name}.pixel_values`)) {
      expect(largestDifference(pixels, golden.floats(`${name}.pixel_values`))).toBeLessThanOrEqual(1e-6);
    }
    expect(largestDifference(mask, golden.integers(`${name}.pixel_attention_mask`))).toBe(0);
  });

  test.each(withImages)('%s: the vision tower agrees, and leaks nothing', async (name) => {
    const before = memory().numTensors;
    const inputs = uploadInputs(model.config, golden.tileInputs(name, processor));
    const images = inputs.images as TileInput;
    const config = model.config as Idefics3Config;
    const output = runTileTower(model.parameters.scope('model'), config, { ...images, hiddenStates: true });
    await agree(`${name}.vision.embeddings`, output.ends!.embedded);
    for (const [i, state] of output.hiddenStates.entries()) await agree(`${name}.vision.layer${i}`, state);
    await agree(`${name}.vision.post_layernorm`, output.ends!.normed);
    await agree(`${name}.vision.connector`, output.features);
    const owned = [output.features, output.ends!.embedded, output.ends!.normed, ...output.hiddenStates];
    for (const tensor of owned) tensor.dispose();
    disposeInputs(inputs);
    expect(memory().numTensors).toBe(before);
  });

  test.each(cases)('%s: logits, hidden states and cache agree', async (name) => {
    const before = memory().numTensors;
    const inputs = golden.tileInputs(name, processor);
    const output = model.forward(inputs, { hiddenStates: true });
    await agree(`${name}.logits`, output.logits, { mask: inputs.mask, width: model.config.text.vocabSize });
    await agree(`${name}.text.norm`, output.hidden);
    for (const [i, state] of output.hiddenStates.entries()) {
      await agree(`${name}.text.layer${i}`, state);
      state.dispose();
    }
    for (const [i, { key, value }] of output.cache.layers.entries()) {
      await agree(`${name}.kv.layer${i}.key`, key);
      await agree(`${name}.kv.layer${i}.value`, value);
    }
    output.logits.dispose();
    output.hidden.dispose();
    disposeContextCache(output.cache);
    expect(memory().numTensors).toBe(before);
  });

  test.each(cases)('%s: greedy tokens are equal, step by step and in one pass', async (name) => {
    const before = memory().numTensors;
    const inputs = golden.tileInputs(name, processor);
    const expected = golden.integers(`${name}.generated_ids`);
    const maxNewTokens = golden.view(`${name}.generated_ids`).shape[1]!;
    const sequences = await model.generateIds(inputs, { maxNewTokens, eosTokenIds: [] });
    expect(sequences.flat()).toEqual(expected);
    const { logits, hidden, cache } = model.forward(inputs, { logits: 'last' });
    const more = continuePrompt(model.parameters, model.config, { ids: Int32Array.from(expected), cache });
    const steps = golden.floats(`${name}.generated_logits`);
    const { vocabSize } = model.config.text;
    expect(largestDifference(await logits.data(), steps.subarray(0, vocabSize))).toBeLessThan(LOGITS);
    const continued = (await more.logits.data()).subarray(0, steps.length - vocabSize);
    expect(largestDifference(continued, steps.subarray(vocabSize))).toBeLessThan(LOGITS);
    for (const tensor of [logits, hidden, more.logits]) tensor.dispose();
    for (const each of [cache, more.cache]) disposeContextCache(each);
    expect(memory().numTensors).toBe(before);
  });
});
