import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GoldenVlm, largestDifference, vlmFixtures } from '../testing/golden-vlm.ts';
import { VisionLanguageModel } from '../vision-language-model.ts';
import { adapterOf } from '../adapter/registry.ts';
import { continuePrompt } from '../forward/continue.ts';
import { disposeContextCache, embedInputs } from '../forward/forward.ts';
import { disposeInputs, uploadInputs } from '../forward/input-tensors.ts';
import type { RopeIndex } from './rope-index.ts';

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

const LOGITS = 5e-4;

describe.each([...vlmFixtures('qwen2_vl'), ...vlmFixtures('qwen2_5_vl')])('the fixture %s', (folder) => {
  const golden = new GoldenVlm(folder);
  const cases = Object.keys(golden.golden.cases);
  const withImages = cases.filter((name) => golden.has(`${name}.image_grid_thw`));
  let model: VisionLanguageModel;
  beforeAll(async () => {
    model = await VisionLanguageModel.fromPretrained(folder);
  });
  afterAll(() => model.dispose());

  test.each(withImages)('%s: images are resized to the same bytes and patches agree to 1e-6', (name) => {
    const images = golden.golden.cases[name]!.images.map((index) => golden.image(index));
    images.forEach((image, i) => {
      const [resized] = adapterOf(model.config).resizeImage(image, model.imageProcessor);
      expect(Buffer.from(resized!.data).equals(golden.view(`${name}.resized_u8.${i}`).bytes)).toBe(true);
    });
    const { patches, grids } = adapterOf(model.config).processImages(images, model.imageProcessor);
    expect(grids).toEqual(golden.grids(name));
    expect(largestDifference(patches, golden.floats(`${name}.pixel_values`))).toBeLessThanOrEqual(1e-6);
  });

  test.each(cases)('%s: positions are equal', (name) => {
    const inputs = golden.inputs(name);
    const index = adapterOf(model.config).positions(inputs, model.config) as RopeIndex;
    expect(index.positions.flatMap((axis) => axis.flatMap((row) => [...row]))).toEqual(
      golden.integers(`${name}.position_ids`),
    );
    expect(index.deltas).toEqual(golden.integers(`${name}.rope_deltas`));
  });

  test.each(withImages)('%s: vision features and embeddings agree', async (name) => {
    const tensors = uploadInputs(model.config, golden.inputs(name));
    const vision = adapterOf(model.config).imageFeatures(model.parameters, model.config, {
      images: tensors.images!,
      hiddenStates: true,
    });
    expect(
      largestDifference(await vision.features.data(), golden.inRasterOrder(name, 'vision.merger_out')),
    ).toBeLessThan(1e-4);
    for (const [i, state] of vision.hiddenStates.entries()) {
      if (golden.has(`${name}.vision.block${i}`)) {
        const expected = golden.inRasterOrder(name, `vision.block${i}`);
        const peak = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        expect(largestDifference(await state.data(), expected) / peak).toBeLessThan(2e-5);
      }
      state.dispose();
    }
    const embeddings = embedInputs(model.parameters, model.config, tensors);
    expect(largestDifference(await embeddings.data(), golden.floats(`${name}.inputs_embeds`))).toBeLessThan(1e-4);
    embeddings.dispose();
    vision.features.dispose();
    disposeInputs(tensors);
  });

  test.each(cases)('%s: logits, hidden states and cache agree', async (name) => {
    const before = memory().numTensors;
    const inputs = golden.inputs(name);
    const output = model.forward(inputs, { hiddenStates: true });
    const rows = { mask: inputs.mask, width: model.config.text.vocabSize };
    expect(largestDifference(await output.logits.data(), golden.floats(`${name}.logits`), rows)).toBeLessThan(LOGITS);
    if (golden.has(`${name}.text.norm`)) {
      expect(largestDifference(await output.hidden.data(), golden.floats(`${name}.text.norm`))).toBeLessThan(LOGITS);
    }
    for (const [i, state] of output.hiddenStates.entries()) {
      if (golden.has(`${name}.text.layer${i}`)) {
        expect(largestDifference(await state.data(), golden.floats(`${name}.text.layer${i}`))).toBeLessThan(LOGITS);
      }
      state.dispose();
    }
    for (const [i, { key, value }] of output.cache.layers.entries()) {
      if (!golden.has(`${name}.kv.layer${i}.key`)) continue;
      expect(largestDifference(await key.data(), golden.floats(`${name}.kv.layer${i}.key`))).toBeLessThan(LOGITS);
      expect(largestDifference(await value.data(), golden.floats(`${name}.kv.layer${i}.value`))).toBeLessThan(LOGITS);
    }
    output.logits.dispose();
    output.hidden.dispose();
    disposeContextCache(output.cache);
    expect(memory().numTensors).toBe(before);
  });

  test.each(cases)('%s: twelve greedy tokens are equal, step by step', async (name) => {
    const before = memory().numTensors;
    const expected = golden.view(`${name}.generated_ids`).shape[1]!;
    const sequences = await model.generateIds(golden.inputs(name), { maxNewTokens: expected, eosTokenIds: [] });
    expect(sequences.flat()).toEqual(golden.integers(`${name}.generated_ids`));
    expect(memory().numTensors).toBe(before);
  });

  test.each(cases)('%s: the generated tokens in one pass give the logits of the steps', async (name) => {
    const { logits: first, hidden, cache } = model.forward(golden.inputs(name), { logits: 'last' });
    const ids = Int32Array.from(golden.integers(`${name}.generated_ids`));
    const more = continuePrompt(model.parameters, model.config, { ids, cache });
    const [batch, count, vocab] = more.logits.shape;
    const expected = golden.floats(`${name}.generated_logits`);
    const [prompt, continued] = [await first.data(), await more.logits.data()];
    for (let sample = 0; sample < batch; sample++) {
      const at = sample * count * vocab;
      expect(
        largestDifference(prompt.subarray(sample * vocab, (sample + 1) * vocab), expected.subarray(at, at + vocab)),
      ).toBeLessThan(LOGITS);
      expect(
        largestDifference(
          continued.subarray(at, at + (count - 1) * vocab),
          expected.subarray(at + vocab, at + count * vocab),
        ),
      ).toBeLessThan(LOGITS);
    }
    for (const tensor of [first, hidden, more.logits]) tensor.dispose();
    disposeContextCache(cache);
    disposeContextCache(more.cache);
  });

  test('encoding some layers gives the same cache and leaks nothing', async () => {
    const before = memory().numTensors;
    const inputs = golden.inputs(cases[0]!);
    const full = model.encode(inputs);
    const part = model.encode(inputs, { layers: 2 });
    expect(part.layers).toHaveLength(2);
    expect(full.layers).toHaveLength(model.config.text.numLayers);
    expect(part.end).toEqual(full.end);
    for (const [i, { key, value }] of part.layers.entries()) {
      expect(largestDifference(await key.data(), await full.layers[i]!.key.data())).toBe(0);
      expect(largestDifference(await value.data(), await full.layers[i]!.value.data())).toBe(0);
    }
    disposeContextCache(full);
    disposeContextCache(part);
    expect(memory().numTensors).toBe(before);
  });
});
