import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { encodeSafetensors, openFileStore, parseSafetensors, toFloat32, type FileStore } from '@latte-flow/checkpoint';
import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { byteTokenizerJson } from './testing/byte-tokenizer.ts';
import { GoldenVlm, largestDifference, vlmFixtures } from './testing/golden-vlm.ts';
import { initialiseParameters } from './adapter/initialise-parameters.ts';
import { parameterShapes, parseVisionLanguageConfig } from './adapter/registry.ts';
import { disposeContextCache } from './forward/forward.ts';
import { padIds } from './forward/model-inputs.ts';
import { VisionLanguageModel } from './vision-language-model.ts';

const golden = new GoldenVlm(vlmFixtures('qwen2_vl')[0]!);
const weights = parseSafetensors(readFileSync(join(golden.folder, 'model.safetensors'))).tensors;

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

/** The fixture's folder with some files replaced. */
async function storeWith(files: Readonly<Record<string, Uint8Array | object>>): Promise<FileStore> {
  const folder = await openFileStore(golden.folder);
  const bytes = (value: Uint8Array | object): Uint8Array =>
    value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
  return {
    location: folder.location,
    read: async (path, options) => (files[path] === undefined ? folder.read(path, options) : bytes(files[path])),
    exists: async (path) => files[path] !== undefined || folder.exists(path),
  };
}

function safetensors(rename: (name: string) => string | undefined): Uint8Array {
  const renamed = [...weights].flatMap(([name, view]) => {
    const target = rename(name);
    return target === undefined
      ? []
      : [[target, { dtype: 'F32' as const, shape: view.shape, values: toFloat32(view) }] as const];
  });
  return encodeSafetensors(new Map(renamed));
}

async function chattyModel(): Promise<VisionLanguageModel> {
  return VisionLanguageModel.fromPretrained(await storeWith({ 'tokenizer.json': byteTokenizerJson() }));
}

const conversation = {
  messages: [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What is it?' }] }] as const,
  images: [golden.image(0)],
};

describe('loading', () => {
  const namesV5 = golden.json('names_v5.json') as Record<string, string>;

  test.each([
    ['transformers 5', (name: string) => namesV5[name]],
    ['base model only', (name: string) => namesV5[name]!.replace(/^model\./, '')],
  ])('the names of %s give the same logits', async (_, rename) => {
    using model = await VisionLanguageModel.fromPretrained(
      await storeWith({
        'model.safetensors': safetensors(rename),
        'config.json': golden.json('config_v5.json') as object,
      }),
    );
    const { logits, hidden, cache } = model.forward(golden.inputs('one'));
    expect(largestDifference(await logits.data(), golden.floats('one.logits'))).toBeLessThan(5e-4);
    logits.dispose();
    hidden.dispose();
    disposeContextCache(cache);
  });

  test.each([
    [
      'a missing tensor',
      { 'model.safetensors': safetensors((name) => (name === 'model.norm.weight' ? undefined : name)) },
      'checkpoint-mismatch',
    ],
    [
      'a tensor too many',
      { 'model.safetensors': safetensors((name) => (name === 'model.norm.weight' ? 'model.extra' : name)) },
      'checkpoint-mismatch',
    ],
    [
      'another depth',
      { 'config.json': { ...(golden.json('config.json') as object), num_hidden_layers: 5 } },
      'checkpoint-mismatch',
    ],
    ['another patch size', { 'preprocessor_config.json': { patch_size: 16 } }, 'checkpoint-mismatch'],
    ['an unknown architecture', { 'config.json': { model_type: 'odd' } }, 'unsupported'],
    ['a tokenizer that is none', { 'tokenizer.json': { model: 1 } }, 'checkpoint-invalid'],
    [
      'a truncated file',
      { 'model.safetensors': readFileSync(join(golden.folder, 'model.safetensors')).subarray(0, 5000) },
      'checkpoint-invalid',
    ],
  ])('refuses %s and keeps no tensor', async (_, files, code) => {
    const before = memory().numTensors;
    await expect(VisionLanguageModel.fromPretrained(await storeWith(files))).rejects.toMatchObject({ code });
    expect(memory().numTensors).toBe(before);
  });

  test('the image processor is read from processor_config.json too, where it lies alone', async () => {
    using model = await VisionLanguageModel.fromPretrained(golden.folder);
    const image_processor = golden.json('preprocessor_config.json') as object;
    const store = await storeWith({ 'processor_config.json': { image_processor } });
    const exists = async (path: string) => path !== 'preprocessor_config.json' && store.exists(path);
    using other = await VisionLanguageModel.fromPretrained({ ...store, exists });
    expect(other.imageProcessor).toEqual(model.imageProcessor);
    expect(other.imageProcessor).toMatchObject({ maxPixels: 15680 });
  });

  test('stops on abort', async () => {
    await expect(
      VisionLanguageModel.fromPretrained(golden.folder, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('reports progress, and frees everything when disposed of', async () => {
    const before = memory().numTensors;
    const stages = new Set<string>();
    const model = await VisionLanguageModel.fromPretrained(golden.folder, {
      onProgress: ({ stage }) => stages.add(stage),
    });
    expect([...stages]).toEqual(['load']);
    expect(memory().numTensors - before).toBe(parameterShapes(model.config).size);
    expect(() => model.tokenizer).toThrow('tokenizer.json');
    model.dispose();
    model.dispose();
    expect(memory().numTensors).toBe(before);
    expect(() => model.forward(golden.inputs('text'))).toThrow(expect.objectContaining({ code: 'disposed' }));
    expect(() => model.encode(golden.inputs('text'))).toThrow(expect.objectContaining({ code: 'disposed' }));
    await expect(model.generateIds(golden.inputs('text'))).rejects.toMatchObject({ code: 'disposed' });
  });
});

test('fresh parameters are a pure function of the seed and fit the config', () => {
  const config = parseVisionLanguageConfig(golden.json('config.json'));
  const first = initialiseParameters(config, 11);
  expect(initialiseParameters(config, 11)).toEqual(first);
  expect(initialiseParameters(config, 12)).not.toEqual(first);
  const before = memory().numTensors;
  ParameterStore.upload(first, { where: 'test', expected: parameterShapes(config) }).dispose();
  expect(memory().numTensors).toBe(before);
  const table = first.get('model.embed_tokens.weight')!.values;
  expect(Math.sqrt(table.reduce((sum, value) => sum + value * value, 0) / table.length)).toBeCloseTo(0.02, 3);
  expect(new Set(first.get('model.norm.weight')!.values)).toEqual(new Set([1]));
  expect(new Set(first.get('visual.blocks.0.norm1.bias')!.values)).toEqual(new Set([0]));
  expect(
    parameterShapes({ ...config, text: { ...config.text, tieWordEmbeddings: false } }).get('lm_head.weight'),
  ).toEqual([256, 64]);
});

describe('generation', () => {
  test('streams the text of the ids, whatever the sampling, and leaks nothing', async () => {
    using model = await chattyModel();
    const before = memory().numTensors;
    for (const options of [
      { maxNewTokens: 12 },
      { maxNewTokens: 12, temperature: 1.5, topK: 50, topP: 0.95, seed: 7 },
    ]) {
      const pieces: string[] = [];
      for await (const piece of model.generate(conversation, options)) pieces.push(piece);
      const [ids] = await model.generateIds(model.prepare([conversation]), options);
      expect(ids!.length).toBeGreaterThan(0);
      expect(pieces.join('')).toBe(model.tokenizer.decode(ids!));
      expect(pieces.length).toBeGreaterThan(1);
    }
    expect(memory().numTensors).toBe(before);
  });

  test('a batch answers each conversation as it would alone', async () => {
    using model = await chattyModel();
    const short = { messages: [{ role: 'user', content: 'Hi' }] as const };
    const options = { maxNewTokens: 8, eosTokenIds: [] };
    const together = await model.generateIds(model.prepare([conversation, short]), options);
    const alone = [
      await model.generateIds(model.prepare([conversation]), options),
      await model.generateIds(model.prepare([short]), options),
    ];
    expect(together).toEqual(alone.flat());
  });

  test('stops at an end token, which the text leaves out', async () => {
    using model = await chattyModel();
    const inputs = golden.inputs('one');
    const [, , third] = golden.integers('one.generated_ids');
    expect(await model.generateIds(inputs, { eosTokenIds: [third!] })).toEqual([
      golden.integers('one.generated_ids').slice(0, 3),
    ]);
  });

  test('frees everything when the consumer leaves early, on abort and on a throw', async () => {
    using model = await chattyModel();
    const before = memory().numTensors;
    for await (const piece of model.generate(conversation)) {
      expect(piece).not.toBe('');
      break;
    }
    expect(memory().numTensors).toBe(before);

    const controller = new AbortController();
    const kept: string[] = [];
    const aborted = (async () => {
      for await (const piece of model.generate(conversation, { signal: controller.signal })) {
        kept.push(piece);
        controller.abort();
      }
    })();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(kept).toHaveLength(1);
    expect(memory().numTensors).toBe(before);

    const thrown = (async () => {
      for await (const piece of model.generate(conversation)) throw new Error(`mine ${piece.length}`);
    })();
    await expect(thrown).rejects.toThrow('mine');
    expect(memory().numTensors).toBe(before);
  });

  test('stops where the positions of the model end, and refuses prompts beyond', async () => {
    using model = await chattyModel();
    const before = memory().numTensors;
    const prompt = (length: number) => ({
      ...padIds([new Array<number>(length).fill(5)], { side: 'left', padTokenId: 0 }),
      grids: [],
    });
    const [ids] = await model.generateIds(prompt(510), { eosTokenIds: [] });
    expect(ids).toHaveLength(3);
    await expect(model.generateIds(prompt(513))).rejects.toMatchObject({ code: 'context-overflow' });
    expect(memory().numTensors).toBe(before);
  });

  test('refuses what does not fit before any work', async () => {
    using model = await chattyModel();
    const before = memory().numTensors;
    const inputs = golden.inputs('one');
    const ids = inputs.ids.map((id, i) => (i === 13 ? 5 : id));
    expect(() => model.forward({ ...inputs, ids })).toThrow('image tokens');
    expect(() => model.forward({ ...inputs, ids: inputs.ids.map(() => 5) })).toThrow('image tokens for 1 images');
    expect(() => model.forward({ ...inputs, grids: [] })).toThrow('patches.length');
    expect(() => model.forward({ ...inputs, ids: inputs.ids.map(() => 256) })).toThrow('token id');
    expect(() => model.encode(inputs, { layers: 5 })).toThrow('layers to be an integer in [1, 4]');
    await expect(model.generateIds(inputs, { maxNewTokens: 0 })).rejects.toThrow('maxNewTokens');
    await expect(model.generateIds(inputs, { temperature: -1 })).rejects.toThrow('temperature');
    const right = { ...padIds([[1, 2], [3]], { side: 'right', padTokenId: 0 }), grids: [] };
    await expect(model.generateIds(right)).rejects.toThrow('padded on the left');
    expect(() => model.prepare([{ ...conversation, images: [] }])).toThrow('a place for each of the 0 images');
    expect(() => padIds([[]], { side: 'left', padTokenId: 0 })).toThrow('length of a sequence');
    expect(memory().numTensors).toBe(before);
  });
});
