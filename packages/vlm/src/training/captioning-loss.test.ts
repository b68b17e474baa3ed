import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import { memory, variableGrads, type Scalar } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { parseImageProcessorConfig } from '../image/image-processor-config.ts';
import { processImages } from '../image/image-processor.ts';
import { initialiseParameters } from '../adapter/initialise-parameters.ts';
import { parseQwen2VLConfig } from '../qwen2-vl/qwen2-vl-config.ts';
import { captionBatch, type EncodedSample } from './caption-batch.ts';
import { captioningLoss, disposeCaptionTensors, uploadCaptionBatch } from './captioning-loss.ts';

const config = parseQwen2VLConfig({
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 40,
  rope_scaling: { type: 'mrope', mrope_section: [2, 1, 1] },
  tie_word_embeddings: true,
  image_token_id: 39,
  vision_start_token_id: 38,
  vision_end_token_id: 37,
  bos_token_id: 36,
  eos_token_id: 36,
  vision_config: {
    depth: 1,
    embed_dim: 8,
    num_heads: 1,
    mlp_ratio: 2,
    hidden_size: 16,
    patch_size: 2,
    spatial_merge_size: 2,
  },
});
const imageProcessor = parseImageProcessorConfig({ patch_size: 2, min_pixels: 16, max_pixels: 64 });

function sample(text: { prompt: readonly number[]; answer: readonly number[] }, width: number): EncodedSample {
  const data = Uint8Array.from({ length: width * 4 * 3 }, (_, i) => (i * 37 + text.answer.length * 11) % 256);
  const { patches, grids } = processImages([{ data, width, height: 4 }], imageProcessor);
  const prompt = [...text.prompt, ...Array.from({ length: width / 4 }, () => 39), 37];
  return { ids: [...prompt, ...text.answer, 36], promptLength: prompt.length, patches, grids };
}

/** Image tokens at the same places, and at different ones with different sizes. */
const batches = {
  aligned: [sample({ prompt: [1, 38], answer: [5, 6, 7] }, 8), sample({ prompt: [2, 38], answer: [8] }, 8)],
  ragged: [sample({ prompt: [1, 38], answer: [5, 6, 7] }, 8), sample({ prompt: [2, 3, 38], answer: [8, 9] }, 4)],
};

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

function store(values: ReturnType<typeof initialiseParameters>): ParameterStore {
  return ParameterStore.upload(values, { where: 'test', trainable: true });
}

/** Larger than the 0.02 of a fresh model, so that differences are far above rounding. */
function parameters(): ReturnType<typeof initialiseParameters> {
  const values = initialiseParameters(config, 3);
  for (const [, { values: data }] of values)
    data.forEach((value, i) => (data[i] = value === 1 ? 1 : value * 12 + 0.05 * Math.sin(i)));
  return values;
}

async function lossOf(
  values: ReturnType<typeof initialiseParameters>,
  samples: readonly EncodedSample[],
): Promise<number> {
  using weights = store(values);
  const tensors = uploadCaptionBatch(config, captionBatch(samples, { padTokenId: 36 }));
  const loss = captioningLoss(weights, config, tensors);
  const [value] = await loss.data();
  loss.dispose();
  disposeCaptionTensors(tensors);
  return value!;
}

test.each(Object.entries(batches))(
  '%s: the batch loss is the mean over the label tokens of its samples',
  async (_, samples) => {
    const counts = samples.map(({ ids, promptLength }) => ids.length - promptLength);
    const single = await Promise.all(samples.map((one) => lossOf(parameters(), [one])));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const expected = single.reduce((sum, loss, i) => sum + loss * counts[i]!, 0) / total;
    expect(await lossOf(parameters(), samples)).toBeCloseTo(expected, 5);
  },
);

test.each(Object.entries(batches))(
  '%s: every parameter gets the gradient that finite differences give, without a leak',
  async (_, samples) => {
    const values = parameters();
    const before = memory().numTensors;
    const weights = store(values);
    const tensors = uploadCaptionBatch(config, captionBatch(samples, { padTokenId: 36 }));
    const { value, grads } = variableGrads(
      () => captioningLoss(weights, config, tensors) as Scalar,
      [...weights.variables().values()],
    );
    disposeCaptionTensors(tensors);
    const names = new Map([...weights.variables()].map(([name, variable]) => [variable.name, name]));
    expect(Object.keys(grads)).toHaveLength(values.size);
    for (const [variable, gradient] of Object.entries(grads)) {
      const name = names.get(variable)!;
      const found = (await gradient.data()) as Float32Array;
      const peak = found.reduce((best, each, i) => (Math.abs(each) > Math.abs(found[best]!) ? i : best), 0);
      // A key bias shifts all scores of a query alike, but for RoPE: its gradient may be near zero, and is checked as such.
      const { values: data } = values.get(name)!;
      const [kept, step] = [data[peak]!, 2e-2];
      data[peak] = kept + step;
      const above = await lossOf(values, samples);
      data[peak] = kept - step;
      const below = await lossOf(values, samples);
      data[peak] = kept;
      const expected = (above - below) / (2 * step);
      expect(Math.abs(found[peak]! - expected), `${name}[${peak}]: ${found[peak]} against ${expected}`).toBeLessThan(
        2e-3 + 0.05 * Math.abs(expected),
      );
      gradient.dispose();
    }
    value.dispose();
    weights.dispose();
    expect(memory().numTensors).toBe(before);
  },
);

test('a batch without labels is refused', () => {
  const batch = captionBatch(batches.aligned, { padTokenId: 36 });
  expect(() => uploadCaptionBatch(config, { ...batch, labelMask: batch.labelMask.map(() => 0) })).toThrow(
    'tokens to learn',
  );
});
