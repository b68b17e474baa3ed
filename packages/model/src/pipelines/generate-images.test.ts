import { LatteFlowError, normalNoise, type Progress } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory, tensor } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { predictVelocity } from '../generation-stream/velocity.ts';
import { toRgbBytes } from '../image/pixels.ts';
import { LatteFlow } from '../latte-flow.ts';
import { pixelDifference, tinyCheckpoint } from '../testing/tiny-model.ts';
import { disposeContext } from './contexts.ts';
import { generateImages, type GenerateOptions } from './generate-images.ts';

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

const quick = { steps: 4, guidanceScale: 2 };

async function pixelsOf(prompt: string | readonly string[], options: GenerateOptions = {}): Promise<Uint8Array[]> {
  const { images } = await generateImages(model, prompt, { ...quick, ...options });
  return images.map(({ data }) => data);
}

/** Euler on the host, one branch at a time, one image at a time. */
async function pixelsByHand(prompt: string, stream: number, { seed = 0 } = {}): Promise<Uint8Array> {
  const { config, parameters } = model;
  const shape = [1, config.latentChannels, config.latentSize, config.latentSize];
  const x = Float64Array.from(normalNoise(3 * 16 * 16, { seed, image: stream }));
  const contexts = [model.encodePrompts([prompt]), model.encodeRendered([config.nullPrompt])];
  for (let step = 0; step < quick.steps; step++) {
    const time = step / quick.steps;
    const velocities: Float32Array[] = [];
    for (const context of contexts) {
      const latents = tensor(Float32Array.from(x), shape);
      const inputs = { latents, times: [time], context, group: time < 0.5 ? 0 : 1 };
      const velocity = predictVelocity(inputs, parameters, config);
      velocities.push((await velocity.data()) as Float32Array);
      latents.dispose();
      velocity.dispose();
    }
    const [conditional, unguided] = velocities as [Float32Array, Float32Array];
    for (let i = 0; i < x.length; i++) {
      const guided = unguided[i]! + quick.guidanceScale * (conditional[i]! - unguided[i]!);
      x[i]! += guided / quick.steps;
    }
  }
  contexts.forEach(disposeContext);
  return toRgbBytes(Float32Array.from(x), { width: 16, height: 16 });
}

describe('pictures', () => {
  test('are those of the equations: image i starts from stream i, whatever the batch', async () => {
    const batch = await pixelsOf('a red apple', { count: 3, seed: 5 });
    expect(batch.length).toBe(3);
    for (const [i, pixels] of batch.entries()) {
      expect(pixelDifference(pixels, await pixelsByHand('a red apple', i, { seed: 5 }))).toBeLessThanOrEqual(1);
      expect(pixelDifference(pixels, batch[(i + 1) % 3]!)).toBeGreaterThan(50);
    }
    const [single] = await pixelsOf('a red apple', { seed: 5 });
    expect(pixelDifference(single!, batch[0]!)).toBeLessThanOrEqual(1);
  });

  test('are a function of prompt, seed and settings', async () => {
    const [first] = await pixelsOf('a red apple', { seed: 1 });
    const [again] = await pixelsOf('a red apple', { seed: 1 });
    expect(again).toEqual(first);
    const others = [
      await pixelsOf('a red apple', { seed: 2 }),
      await pixelsOf('two green pears on a table', { seed: 1 }),
      await pixelsOf('a red apple', { seed: 1, guidanceScale: 9 }),
      await pixelsOf('a red apple', { seed: 1, solver: 'heun' }),
      await pixelsOf('a red apple', { seed: 1, steps: 2 }),
    ];
    for (const [i, [other]] of others.entries()) expect(pixelDifference(other!, first!), `${i}`).toBeGreaterThan(0);
  });

  test('of a list of prompts are one for each, as if each were drawn alone from its stream', async () => {
    const prompts = ['a red apple', 'two green pears on a wooden table'];
    const { images } = await generateImages(model, prompts, { ...quick, seed: 7 });
    expect(images.map(({ settings }) => settings.prompt)).toEqual(prompts);
    expect(images.map(({ seed, index }) => [seed, index])).toEqual([[7, 0], [7, 1]]); // prettier-ignore
    for (const [i, { data }] of images.entries()) {
      expect(pixelDifference(data, await pixelsByHand(prompts[i]!, i, { seed: 7 }))).toBeLessThanOrEqual(1);
    }
    expect(await pixelsOf(['a', 'b'], { count: 2, steps: 1 })).toHaveLength(2);
  });

  test('without guidance follow the prompt alone, with scale 0 the null prompt alone', async () => {
    const plain = await generateImages(model, 'a red apple', { steps: 4, guidanceScale: 1 });
    expect(plain.evaluations).toBe(4);
    const unguided = await generateImages(model, 'a red apple', { steps: 4, guidanceScale: 0 });
    const other = await generateImages(model, 'a dog', { steps: 4, guidanceScale: 0 });
    expect(unguided.images[0]!.data).toEqual(other.images[0]!.data);
    expect(pixelDifference(unguided.images[0]!.data, plain.images[0]!.data)).toBeGreaterThan(0);
  });
});

test('a result says what ran where, and progress counts the steps', async () => {
  const events: Progress[] = [];
  const onProgress = (progress: Progress) => void events.push(progress);
  const { plan, warnings, evaluations, images } = await generateImages(model, 'a red apple', { ...quick, onProgress });
  expect(plan.steps.map(({ group }) => group)).toEqual([0, 0, 1, 1]);
  expect(evaluations).toBe(8);
  expect(warnings).toEqual([]);
  expect(images[0]!.settings).toEqual({ prompt: 'a red apple', seed: 0, index: 0, solver: 'euler', ...quick });
  expect(events[0]).toEqual({ stage: 'encode', loaded: 0, total: 1 });
  expect(events.slice(1).map(({ step, steps }) => [step, steps])).toEqual([[1, 4], [2, 4], [3, 4], [4, 4]]); // prettier-ignore
  const skipping = await generateImages(model, 'a red apple', { steps: 1 });
  expect(skipping.warnings).toEqual([expect.stringContaining('group')]);
});

describe('refused before any work', () => {
  const tooLong = 'a red apple on a wooden table '.repeat(20);
  test.each<[unknown, object, string, string]>([
    ['', {}, 'invalid-argument', 'a prompt with text in it, got ""'],
    [' \n', {}, 'invalid-argument', 'a prompt with text in it'],
    [[], {}, 'invalid-argument', 'a prompt with text in it'],
    [['a', ' '], {}, 'invalid-argument', 'a prompt with text in it'],
    [undefined, {}, 'invalid-argument', 'a prompt with text in it, got undefined'],
    [['a', 3], {}, 'invalid-argument', 'a prompt with text in it, got 3'],
    ['a', { steps: 0 }, 'invalid-argument', 'steps to be an integer >= 1, got 0'],
    ['a', { steps: 1.5 }, 'invalid-argument', 'steps to be an integer'],
    ['a', { guidanceScale: Number.NaN }, 'invalid-argument', 'guidanceScale to be a finite number, got NaN'],
    ['a', { guidanceScale: Infinity }, 'invalid-argument', 'guidanceScale'],
    ['a', { solver: 'magic' }, 'invalid-argument', 'euler'],
    ['a', { count: 0 }, 'invalid-argument', 'count to be an integer >= 1, got 0'],
    [['a', 'b'], { count: 3 }, 'invalid-argument', 'as many images as prompts, 2, got count 3'],
    ['a', { seed: -1 }, 'invalid-argument', 'seed to be an integer >= 0, got -1'],
    ['a', { seed: 2 ** 53 }, 'invalid-argument', 'seed'],
    [tooLong, {}, 'context-overflow', 'at most 64 tokens'],
  ])('%o with %o', async (prompt, options, code, message) => {
    const stages: string[] = [];
    const run = generateImages(model, prompt as string, {
      ...quick,
      ...options,
      onProgress: ({ stage }) => void stages.push(stage),
    });
    const error = await run.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(LatteFlowError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(stages).toEqual(code === 'context-overflow' ? ['encode'] : []);
  });

  test('latents that are not pixels', async () => {
    const latent = new LatteFlow({ ...model.config, latentChannels: 4 }, model.backbone, model.parameters);
    await expect(generateImages(latent, 'a')).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('a null prompt that does not fit, which leaves the encoded prompt nowhere', async () => {
    const config = { ...model.config, nullPrompt: tooLong };
    const long = new LatteFlow(config, model.backbone, model.parameters);
    await expect(generateImages(long, 'a')).rejects.toMatchObject({ code: 'context-overflow' });
  });
});

describe('an abort', () => {
  test('in the middle throws the reason and leaves nothing', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const seen: number[] = [];
    const run = generateImages(model, 'a red apple', {
      ...quick,
      signal: controller.signal,
      onProgress({ step }) {
        if (step !== undefined) seen.push(step);
        if (step === 2) controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(seen).toEqual([1, 2]);
  });

  test('at the last step still counts', async () => {
    const controller = new AbortController();
    const onProgress = ({ step }: Progress) => step === quick.steps && controller.abort();
    const run = generateImages(model, 'a red apple', { ...quick, signal: controller.signal, onProgress });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('before the start does no work', async () => {
    const signal = AbortSignal.abort();
    const stages: string[] = [];
    const run = generateImages(model, 'a', { signal, onProgress: ({ stage }) => void stages.push(stage) });
    await expect(run).rejects.toBe(signal.reason);
    expect(stages).toEqual([]);
  });
});
