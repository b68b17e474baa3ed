import { ParameterStore } from '@latte-flow/runtime';
import { memory, tidy, variableGrads, type Scalar } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { canonicalWeights } from '../adapter/registry.ts';
import { continuePrompt } from '../forward/continue.ts';
import { disposeContextCache, encodePrompt, forwardPrompt, type ForwardOutput } from '../forward/forward.ts';
import { disposeInputs, uploadInputs } from '../forward/input-tensors.ts';
import type { ModelInputs } from '../forward/model-inputs.ts';
import { patchCount } from '../image/patchify.ts';
import { captioningLoss, disposeCaptionTensors, uploadCaptionBatch } from '../training/captioning-loss.ts';
import { largestDifference } from './golden-vlm.ts';
import { TinyModel, type PromptPart, type TinyModelFiles } from './tiny-model.ts';

/** Float32 rounding of a few layers; logits are about 1. */
const ROUNDING = 1e-4;
/** Length of the step of finite differences, along the gradient. */
const STEP = 1e-3;
/** What a wrong position, order or image moves. */
const VISIBLE = 1e-2;

const BOTH: readonly PromptPart[] = [[1, 2, 3], { image: 0 }, [4, 5], { image: 1 }, [6, 7, 8]];
const ONE: readonly PromptPart[] = [[9, 10], { image: 1 }, [11, 12, 13]];
const TEXT: readonly PromptPart[] = [[14, 15, 16, 17, 18]];

function disposeOutput({ logits, hidden, cache }: ForwardOutput): void {
  logits.dispose();
  hidden.dispose();
  disposeContextCache(cache);
}

/** The logits of each sample's visible tokens. */
async function visibleLogits(
  parameters: ParameterStore,
  model: TinyModel,
  inputs: ModelInputs,
): Promise<Float32Array[]> {
  const output = forwardPrompt(parameters, model.config, { inputs });
  const values = (await output.logits.data()) as Float32Array;
  disposeOutput(output);
  const { vocabSize } = model.config.text;
  const { mask, batch, length } = inputs;
  return Array.from({ length: batch }, (_, sample) =>
    Float32Array.from(
      Array.from({ length }, (__, token) => sample * length + token)
        .filter((row) => mask[row] !== 0)
        .flatMap((row) => [...values.subarray(row * vocabSize, (row + 1) * vocabSize)]),
    ),
  );
}

async function imageFeatures(parameters: ParameterStore, model: TinyModel, images: readonly number[]) {
  const { adapter, config, processor } = model;
  const processed = adapter.processImages(
    images.map((i) => model.images[i]!),
    processor,
  );
  const uploaded = tidy(
    () => adapter.imageFeatures(parameters, config, { images: adapter.uploadImages(processed, config) }).features,
  );
  const values = (await uploaded.data()) as Float32Array;
  const { shape } = uploaded;
  uploaded.dispose();
  return { values, shape, grids: processed.grids };
}

function filesConform(files: TinyModelFiles): void {
  const model = new TinyModel(files);
  const { adapter, config } = model;
  const head = 'lm_head.weight';

  test('a configuration is written as it is read, and every spelling reads alike', () => {
    expect(adapter.modelTypes).toContain(config.modelType);
    expect(adapter.parseConfig(adapter.configToJson(config))).toEqual(config);
    for (const same of files.sameConfigs) expect(adapter.parseConfig(same)).toEqual(config);
  });

  test('sizes that are missing or odd are refused, naming the field', () => {
    for (const change of [
      { text_config: [] },
      { vision_config: 'none' },
      { image_token_id: 1e9 },
      { image_token_id: 'x' },
    ]) {
      expect(() => adapter.parseConfig({ ...files.config, ...change })).toThrow(
        expect.objectContaining({
          code: 'checkpoint-invalid',
          message: expect.stringContaining(Object.keys(change)[0]!),
        }),
      );
    }
  });

  test('the decoder lies below its prefix, and a head exists where the embeddings are not tied', () => {
    const names = [...adapter.parameterShapes(config).keys()];
    for (const name of ['embed_tokens.weight', 'norm.weight', 'layers.0.self_attn.q_proj.weight']) {
      expect(names).toContain(`${adapter.decoderPrefix}.${name}`);
    }
    const untied = new TinyModel(files, { tie_word_embeddings: false });
    expect([...adapter.parameterShapes(untied.config).keys()].toSorted()).toEqual([...names, head].toSorted());
  });

  test('names in every spelling become the canonical ones', () => {
    const shapes = adapter.parameterShapes(config);
    expect(canonicalWeights(shapes, config)).toEqual(shapes);
    expect(canonicalWeights([...shapes, [head, []]], config)).toEqual(shapes);
    for (const [spelling, canonical] of adapter.spellings) {
      const renamed = [...shapes].map(([name, shape]) => {
        const rest = name.startsWith(canonical) ? name.slice(canonical.length) : undefined;
        return [rest === undefined ? name : spelling + rest, shape] as const;
      });
      expect(canonicalWeights(renamed, config)).toEqual(shapes);
    }
  });

  test('patches, grids and image tokens agree in number', () => {
    for (const [i, image] of model.images.entries()) {
      const { patches, grids } = adapter.processImages([image], model.processor);
      expect(grids).toHaveLength(1);
      expect(patches).toHaveLength(patchCount(grids[0]!) * adapter.patchValues(config));
      const tokens = model.prompt([{ image: i }]).ids.filter((id) => id === config.imageTokenId);
      expect(tokens).toHaveLength(adapter.imageTokens(grids[0]!, config));
    }
  });

  test('positions count up in text, on one axis or on three, and end where decoding goes on', () => {
    const inputs = model.inputs([BOTH, TEXT]);
    const { positions, end } = adapter.positions(inputs, config);
    expect(positions).toHaveLength(config.text.mropeSection === undefined ? 1 : 3);
    const visible = (sample: number): number[] =>
      positions.flatMap((axis) => [...axis[sample]!].filter((_, i) => inputs.mask[sample * inputs.length + i] !== 0));
    expect(end).toEqual([0, 1].map((sample) => Math.max(...visible(sample)) + 1));
    expect(visible(1)).toEqual(positions.flatMap(() => [0, 1, 2, 3, 4]));
  });
}

function imagesConform(files: TinyModelFiles): void {
  const model = new TinyModel(files);

  test('an image gives the same features alone and beside others, in the order of the images', async () => {
    using parameters = model.upload();
    const [alone0, alone1] = [await imageFeatures(parameters, model, [0]), await imageFeatures(parameters, model, [1])];
    expect(alone0.shape).not.toEqual(alone1.shape);
    const together = await imageFeatures(parameters, model, [0, 1, 1]);
    const expected = Float32Array.from([...alone0.values, ...alone1.values, ...alone1.values]);
    expect(largestDifference(together.values, expected)).toBeLessThan(ROUNDING);
    const tokens = together.grids.reduce((sum, grid) => sum + model.adapter.imageTokens(grid, model.config), 0);
    expect(together.shape).toEqual([tokens, model.config.text.hiddenSize]);
  });

  test('the hidden states of the vision tower are given where asked for, and do not change the features', async () => {
    using parameters = model.upload();
    const { adapter, config, processor } = model;
    const plain = await imageFeatures(parameters, model, [0]);
    const uploaded = uploadInputs(config, model.inputs([[{ image: 0 }, [1]]]));
    expect(uploaded.images!.patches.shape[1]).toBe(adapter.patchValues(config));
    const { features, hiddenStates } = adapter.imageFeatures(parameters, config, {
      images: uploaded.images!,
      hiddenStates: true,
    });
    expect(hiddenStates.length).toBeGreaterThan(0);
    expect(largestDifference(await features.data(), plain.values)).toBe(0);
    for (const tensor of [features, ...hiddenStates]) tensor.dispose();
    disposeInputs(uploaded);
    expect(adapter.resizeImage(model.images[0]!, processor).length).toBeGreaterThan(0);
  });

  test('image tokens that do not match the images are refused before any work', () => {
    using parameters = model.upload();
    const inputs = model.inputs([ONE]);
    const first = inputs.ids.indexOf(model.config.imageTokenId);
    const fewer = inputs.ids.map((id, i) => (i === first ? 3 : id));
    const more = inputs.ids.map((id, i) => (i === 0 ? model.config.imageTokenId : id));
    const kept = memory().numTensors;
    for (const wrong of [
      { ...inputs, ids: fewer },
      { ...inputs, ids: more },
      { ...inputs, ids: inputs.ids.map(() => 3) },
      { ...inputs, grids: [] },
      { ...inputs, patches: inputs.patches!.subarray(1) },
    ]) {
      expect(() => forwardPrompt(parameters, model.config, { inputs: wrong })).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
      expect(memory().numTensors).toBe(kept);
    }
  });
}

function languageConforms(files: TinyModelFiles): void {
  const model = new TinyModel(files);

  test('a prompt with a cache continues as it would without one', async () => {
    using parameters = model.upload();
    const more = [21, 22, 23];
    const inputs = model.inputs([BOTH]);
    const [whole] = await visibleLogits(parameters, model, model.inputs([[...BOTH, more]]));
    const { cache, ...first } = forwardPrompt(parameters, model.config, { inputs });
    const next = continuePrompt(parameters, model.config, { ids: Int32Array.from(more), cache });
    const expected = whole!.subarray(inputs.length * model.config.text.vocabSize);
    expect(largestDifference(await next.logits.data(), expected)).toBeLessThan(ROUNDING);
    disposeOutput({ ...first, cache });
    next.logits.dispose();
    disposeContextCache(next.cache);
  });

  test('the cache of some layers is that of all, after the rotation, and ends where the next token goes', async () => {
    using parameters = model.upload();
    const inputs = model.inputs([BOTH, TEXT]);
    const output = forwardPrompt(parameters, model.config, { inputs });
    const cache = encodePrompt(parameters, model.config, { inputs, layers: 1 });
    const { numKeyValueHeads, headDim } = model.config.text;
    expect(cache.layers[0]!.key.shape).toEqual([2, numKeyValueHeads, inputs.length, headDim]);
    expect(cache.end).toEqual(model.adapter.positions(inputs, model.config).end);
    for (const part of ['key', 'value'] as const) {
      const [some, all] = [cache.layers[0]![part], output.cache.layers[0]![part]];
      expect(largestDifference(await some.data(), await all.data())).toBe(0);
    }
    disposeOutput(output);
    disposeContextCache(cache);
  });

  test.each(['left', 'right'] as const)('padding on the %s changes nothing', async (side) => {
    using parameters = model.upload();
    const [plain] = await visibleLogits(parameters, model, model.inputs([BOTH]));
    const multipleOf = 7 * Math.ceil((model.inputs([BOTH]).length + 1) / 7);
    const padded = model.inputs([BOTH], { side, multipleOf });
    expect(padded.length).toBeGreaterThan(model.inputs([BOTH]).length);
    const [found] = await visibleLogits(parameters, model, padded);
    expect(largestDifference(found!, plain!)).toBeLessThan(ROUNDING);
  });

  test('a batch gives each sample what it gets alone', async () => {
    using parameters = model.upload();
    const prompts = [BOTH, TEXT, ONE];
    const together = await visibleLogits(parameters, model, model.inputs(prompts));
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await visibleLogits(parameters, model, model.inputs([prompt]));
      expect(largestDifference(together[i]!, alone!)).toBeLessThan(ROUNDING);
    }
  });

  test('a head that repeats the embeddings gives what tied embeddings give', async () => {
    const values = model.values();
    const untied = new TinyModel(files, { tie_word_embeddings: false });
    const table = values.get(`${model.adapter.decoderPrefix}.embed_tokens.weight`)!;
    using tiedParameters = model.upload(values);
    using parameters = untied.upload(new Map([...values, ['lm_head.weight', table]]));
    const [expected] = await visibleLogits(tiedParameters, model, model.inputs([ONE]));
    const [found] = await visibleLogits(parameters, untied, untied.inputs([ONE]));
    expect(largestDifference(found!, expected!)).toBe(0);
  });

  test('the logits depend on what an image shows', async () => {
    using parameters = model.upload();
    const inputs = model.inputs([ONE]);
    const [shown] = await visibleLogits(parameters, model, inputs);
    const patches = Float32Array.from(inputs.patches!, (value, i) => (i % 2 === 0 ? -value : value));
    const [changed] = await visibleLogits(parameters, model, { ...inputs, patches });
    expect(largestDifference(changed!, shown!)).toBeGreaterThan(VISIBLE);
  });

  test('the gradient of a caption loss is that of finite differences, in its own direction', async () => {
    const values = model.values();
    const inputs = model.inputs([ONE], { side: 'right' });
    const labelMask = inputs.ids.map((_, i) => Number(i >= inputs.length - 2));
    const batch = { inputs, labelMask: Uint8Array.from(labelMask) };
    const tensors = uploadCaptionBatch(model.config, batch);
    const lossAt = async (at: typeof values): Promise<number> => {
      using parameters = model.upload(at);
      const loss = captioningLoss(parameters, model.config, tensors);
      const [value] = await loss.data();
      loss.dispose();
      return value!;
    };
    using weights = ParameterStore.upload(values, { where: 'test', trainable: true });
    const { value, grads } = variableGrads(
      () => captioningLoss(weights, model.config, tensors) as Scalar,
      [...weights.variables().values()],
    );
    expect(Object.keys(grads)).toHaveLength(values.size);
    const gradients = new Map<string, Float32Array>();
    for (const [name, variable] of weights.variables()) {
      gradients.set(name, (await grads[variable.name]!.data()) as Float32Array);
    }
    const squares = [...gradients.values()].map((gradient) => gradient.reduce((sum, x) => sum + x * x, 0));
    const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    const moved = (distance: number): typeof values =>
      new Map(
        [...values].map(([name, { shape, values: data }]) => {
          const gradient = gradients.get(name)!;
          return [name, { shape, values: data.map((x, i) => x + (distance * gradient[i]!) / norm) }];
        }),
      );
    const slope = ((await lossAt(moved(STEP))) - (await lossAt(moved(-STEP)))) / (2 * STEP);
    expect(Math.abs(slope / norm - 1)).toBeLessThan(5e-3);
    for (const tensor of [value, ...Object.values(grads)]) tensor.dispose();
    disposeCaptionTensors(tensors);
  });
}

/**
 * What every adapter must pass, over a tiny model of random weights: its files, its images, and the shared language
 * model on top of them. Each test also proves that it leaves no tensor behind.
 */
export function adapterConforms(modelType: string, files: TinyModelFiles): void {
  describe(modelType, () => {
    let before = 0;
    beforeEach(() => {
      before = memory().numTensors;
    });
    afterEach(() => {
      expect(memory().numTensors).toBe(before);
    });
    filesConform(files);
    imagesConform(files);
    languageConforms(files);
  });
}
