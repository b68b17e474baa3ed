import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { extendPrompt } from '../forward/continue.ts';
import { disposeContextCache, forwardPrompt } from '../forward/forward.ts';
import type { ModelInputs } from '../forward/model-inputs.ts';
import { largestDifference } from '../testing/golden-vlm.ts';
import { TinyModel, type PromptPart } from '../testing/tiny-model.ts';
import { tinyModels } from '../testing/tiny-models.ts';
import { DecodingCache } from './decoding-cache.ts';

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

describe.each(Object.entries(tinyModels))('%s', (_, files) => {
  const model = new TinyModel(files);
  const first: readonly PromptPart[] = [[1, 2, 3], { image: 0 }, [4, 5]];
  const second: readonly PromptPart[] = [...first, [6, 7, 8], { image: 1 }, [9]];
  const inputs = (parts: readonly PromptPart[]): ModelInputs => model.inputs([parts]);
  const length = (parts: readonly PromptPart[]): number => inputs(parts).length;
  /** Where the first image token of an image stands, the last of the parts. */
  const firstToken = (parts: readonly PromptPart[]): number => {
    const before = length(parts.slice(0, -1));
    return inputs(parts).ids.indexOf(model.config.imageTokenId, before);
  };

  test('a prompt after a cache of its start gives the logits of the whole, and an image is reused whole', async () => {
    const before = memory().numTensors;
    using parameters = model.upload();
    using cache = new DecodingCache(parameters, model.config);
    const steps: [readonly PromptPart[], number][] = [
      [first, 0],
      [second, length(first)],
      // The first image again in the place of the second.
      [[...first, [6, 7, 8], { image: 0 }, [9]], firstToken([...first, [6, 7, 8], { image: 1 }])],
      // Text after the image differs.
      [[...first, [6, 9]], length(first) + 1],
      // Only the start of the image is the same: none of it is reused.
      [[[1, 2, 3], { image: 1 }, [4, 5]], firstToken([[1, 2, 3], { image: 1 }])],
      [[[2, 3]], 0],
    ];
    for (const [i, [parts, expected]] of steps.entries()) {
      const prompt = inputs(parts);
      expect(cache.reusable(prompt), `step ${i}`).toBe(expected);
      const logits = cache.run(prompt);
      const whole = forwardPrompt(parameters, model.config, { inputs: prompt, logits: 'last' });
      expect(largestDifference(await logits.data(), (await whole.logits.data()) as Float32Array)).toBeLessThan(1e-4);
      for (const tensor of [logits, whole.logits, whole.hidden]) tensor.dispose();
      disposeContextCache(whole.cache);
    }
    cache.dispose();
    parameters.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('a cut inside an image, padding and batches are refused before any work', () => {
    const before = memory().numTensors;
    using parameters = model.upload();
    const kept = memory().numTensors;
    const prompt = inputs(first);
    const { cache, logits, hidden } = forwardPrompt(parameters, model.config, { inputs: prompt });
    const extend = (more: ModelInputs, cached: number) => () =>
      extendPrompt(parameters, model.config, { inputs: more, cache, cached });
    expect(extend(inputs(second), firstToken(first.slice(0, 2)) + 1)).toThrow('image tokens in the cache');
    expect(extend(prompt, prompt.length)).toThrow('cached to be an integer in');
    expect(extend(inputs(second), 0)).toThrow('cached to be an integer in');
    expect(extend(model.inputs([first, second]), 2)).toThrow('batch to be an integer in [1, 1]');
    expect(extend(model.inputs([second], { multipleOf: length(second) + 1 }), 2)).toThrow('padding');
    for (const tensor of [logits, hidden]) tensor.dispose();
    disposeContextCache(cache);
    expect(memory().numTensors).toBe(kept);
    parameters.dispose();
    expect(memory().numTensors).toBe(before);
  });
});
