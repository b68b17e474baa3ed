import { bootBackend } from '@latte-flow/runtime';
import { memory, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { continuePrompt } from '../forward/continue.ts';
import { disposeContextCache, forwardPrompt } from '../forward/forward.ts';
import { largestDifference } from '../testing/golden-vlm.ts';
import { TinyModel, type PromptPart } from '../testing/tiny-model.ts';
import { tinyModels } from '../testing/tiny-models.ts';
import { decodeTokens } from './decode-loop.ts';
import { DecodingCache } from './decoding-cache.ts';
import { argMax } from './sampling.ts';
import { TokenDecoder } from './token-decoder.ts';

/** Float32 rounding of a few layers; logits are about 1. */
const ROUNDING = 1e-4;

const inUse = () => {
  const { numTensors, numBytesInGPU } = memory() as ReturnType<typeof memory> & { numBytesInGPU?: number };
  return { numTensors, numBytesInGPU };
};

const valuesOf = async (logits: Tensor): Promise<Float32Array> => {
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
};

test('off WebGPU decoding is not captured', async () => {
  await bootBackend({ device: 'cpu' });
  const model = new TinyModel(Object.values(tinyModels)[0]!);
  using parameters = model.upload();
  using cache = new DecodingCache(parameters, model.config);
  const before = memory().numTensors;
  cache.run(model.inputs([[[1, 2, 3]]])).dispose();
  const held = memory().numTensors - before;
  cache.advance(Int32Array.of(4)).dispose();
  expect(memory().numTensors - before).toBe(held);
  expect(cache.length).toBe(4);
});

describe.each(Object.entries(tinyModels))('%s', (_, files) => {
  const model = new TinyModel(files);
  const { config } = model;
  const { vocabSize } = config.text;

  webgpuTest('gives the logits of each token, for a padded batch, over growing room', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    using parameters = model.upload();
    const inputs = model.inputs([[[1, 2, 3], { image: 0 }, [4, 5]], [[14, 15]]]); // prettier-ignore
    const prompt = forwardPrompt(parameters, config, { inputs, logits: 'last' });
    let { cache } = prompt;
    const room = inputs.length + 2; // grows after one token, and after `room` more
    using decoder = new TokenDecoder(parameters, config, { inputs, cache, room });
    const level: (number | undefined)[] = [];
    for (let token = 0; token < 4; token++) {
      const ids = Int32Array.of(20 + token, 31 + 2 * token);
      const plain = continuePrompt(parameters, config, { ids, cache, logits: 'last' });
      const expected = await valuesOf(plain.logits);
      disposeContextCache(cache);
      ({ cache } = plain);
      const found = await valuesOf(decoder.run(ids));
      expect(largestDifference(found, expected), `token ${token}`).toBeLessThan(ROUNDING);
      for (const sample of [0, 1]) {
        const row = (values: Float32Array) => argMax(values.subarray(sample * vocabSize, (sample + 1) * vocabSize));
        expect(row(found)).toBe(row(expected));
      }
      level.push(decoder.capacity);
    }
    expect(level).toEqual([room, room, 2 * room, 2 * room]);
    expect(decoder.cache.end).toEqual(cache.end);
    disposeContextCache(cache);
    for (const tensor of [prompt.logits, prompt.hidden]) tensor.dispose();
    decoder.dispose();
    decoder.dispose();
    expect(() => decoder.run(Int32Array.of(1, 2))).toThrow(expect.objectContaining({ code: 'disposed' }));
    parameters.dispose();
    expect(memory().numTensors).toBe(before);
  });
});

describe('a decoding cache on WebGPU', () => {
  const model = new TinyModel(tinyModels['qwen2_vl']!);
  const { config } = model;
  const first: readonly PromptPart[] = [[1, 2, 3], { image: 0 }, [4, 5]];

  webgpuTest('goes on from decoded tokens with a longer prompt, as if it were run whole', async () => {
    await bootBackend({ device: 'webgpu' });
    using parameters = model.upload();
    const before = inUse();
    using cache = new DecodingCache(parameters, config);
    const inputs = model.inputs([first]);
    cache.run(inputs).dispose();
    for (const id of [21, 22, 23]) await valuesOf(cache.advance(Int32Array.of(id)));
    expect(cache.length).toBe(inputs.length + 3);
    const longer = model.inputs([[...first, [21, 22, 23, 24, 25]]]);
    expect(cache.reusable(longer)).toBe(inputs.length + 3);
    const whole = forwardPrompt(parameters, config, { inputs: longer, logits: 'last' });
    const expected = await valuesOf(whole.logits);
    expect(largestDifference(await valuesOf(cache.run(longer)), expected)).toBeLessThan(ROUNDING);
    expect(cache.length).toBe(longer.length);
    const plain = continuePrompt(parameters, config, { ids: Int32Array.of(26), cache: whole.cache, logits: 'last' });
    const next = await valuesOf(plain.logits);
    expect(largestDifference(await valuesOf(cache.advance(Int32Array.of(26))), next)).toBeLessThan(ROUNDING);
    for (const each of [whole.cache, plain.cache]) disposeContextCache(each);
    whole.hidden.dispose();
    cache.dispose();
    expect(inUse().numTensors).toBe(before.numTensors);
  });

  webgpuTest('leaves nothing when its loop is left early or fails', async () => {
    await bootBackend({ device: 'webgpu' });
    using parameters = model.upload();
    const inputs = model.inputs([first]);
    const decode = async (tokens: number, signal?: AbortSignal): Promise<void> => {
      let count = 0;
      for await (const _ of decodeTokens(parameters, config, { inputs, eosTokenIds: [], signal })) {
        if (++count === tokens) return;
      }
    };
    await decode(3);
    const before = inUse();
    await decode(3);
    expect(inUse()).toEqual(before);
    const controller = new AbortController();
    const run = decode(9, controller.signal);
    setTimeout(() => controller.abort(), 30);
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    expect(inUse()).toEqual(before);
  });
});
