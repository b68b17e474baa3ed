import { LatteFlowError, normalNoise, seededStepNoise, type Progress } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { integrate, solverByName, solverNames } from '@latte-flow/schedulers';
import {
  adaptiveProjectedGuidance,
  autoguidance,
  cfgZeroStarGuidance,
  classifierFreeGuidance,
  guidanceInterval,
  rescaledGuidance,
} from '@latte-flow/schedulers/guidance';
import { memory, tensor } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { PromptContext } from '../generation-stream/context.ts';
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

/** The guided velocity of one image on the host, one branch at a time, in the group of the step. */
async function guidedVelocity(x: Float64Array, at: { time: number; group: number; contexts: PromptContext[] }) {
  const { config, parameters } = model;
  const shape = [1, config.latentChannels, config.latentSize, config.latentSize];
  const velocities: Float32Array[] = [];
  for (const context of at.contexts) {
    const latents = tensor(Float32Array.from(x), shape);
    const velocity = predictVelocity({ latents, times: [at.time], context, group: at.group }, parameters, config);
    velocities.push((await velocity.data()) as Float32Array);
    latents.dispose();
    velocity.dispose();
  }
  const [conditional, unguided] = velocities as [Float32Array, Float32Array];
  return x.map((_, i) => unguided[i]! + quick.guidanceScale * (conditional[i]! - unguided[i]!));
}

type ByHand = (
  x: Float64Array,
  velocity: (x: Float64Array, step: number, time: number) => Promise<Float64Array>,
) => unknown;

const eulerByHand: ByHand = async (x, velocity) => {
  for (let step = 0; step < quick.steps; step++) {
    const slope = await velocity(x, step, step / quick.steps);
    slope.forEach((value, i) => (x[i]! += value / quick.steps));
  }
};

/** A picture made on the host, one image at a time. */
async function pixelsByHand(
  prompt: string,
  stream: number,
  { seed = 0, run = eulerByHand }: { readonly seed?: number; readonly run?: ByHand } = {},
): Promise<Uint8Array> {
  const x = Float64Array.from(normalNoise(3 * 16 * 16, { seed, image: stream }));
  const contexts = [model.encodePrompts([prompt]), model.encodeRendered([model.config.nullPrompt])];
  const group = (step: number) => (step / quick.steps < 0.5 ? 0 : 1);
  await run(x, (at, step, time) => guidedVelocity(at, { time, group: group(step), contexts }));
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

describe('every solver', () => {
  const adaptive = { restartAtNodes: true, rtol: 1e-3, atol: 1e-3 };
  /** An adaptive one looks at the error of the batch, so that its images are alike only if each is drawn alone. */
  const countOf = (solver: string) => (['bosh3', 'dopri5'].includes(solver) ? 1 : 2);

  test.each(solverNames())('%s draws what it draws on the host, image i with noise i, in groups', async (solver) => {
    const batch = await pixelsOf('a red apple', { solver, count: countOf(solver), seed: 5 });
    const times = Array.from({ length: quick.steps + 1 }, (_, i) => i / quick.steps);
    for (const [image, pixels] of batch.entries()) {
      const run: ByHand = async (x, velocity) => {
        const { sample } = await integrate(solverByName(solver, adaptive), {
          times,
          sample: x,
          noise: seededStepNoise({ seed: 5, image }),
          velocity: (at, time, { step }) => velocity(Float64Array.from(at), step, time),
        });
        x.set(sample);
      };
      const byHand = await pixelsByHand('a red apple', image, { seed: 5, run });
      expect(pixelDifference(pixels, byHand)).toBeLessThanOrEqual(1);
    }
  });

  const stochastic = solverNames().filter((solver) => solverByName(solver).stochastic);
  test.each(stochastic)('%s draws the same for a seed, and not without noise', async (solver) => {
    const [first] = await pixelsOf('a red apple', { solver, seed: 5 });
    expect((await pixelsOf('a red apple', { solver, seed: 5 }))[0]).toEqual(first);
    const [euler] = await pixelsOf('a red apple', { seed: 5 });
    expect(pixelDifference(first!, euler!)).toBeGreaterThan(0);
  });
});

describe('any rule of guidance', () => {
  const rule = classifierFreeGuidance(2);
  const run = (options: GenerateOptions) => generateImages(model, 'a red apple', { steps: 4, ...options });

  test('stands in for the scale, and is what the settings say', async () => {
    const [byRule, byScale] = [await run({ guidance: rule }), await run({ guidanceScale: 2 })];
    expect(byRule.images[0]!.data).toEqual(byScale.images[0]!.data);
    const { guidance, guidanceScale } = byRule.images[0]!.settings;
    expect([guidance, guidanceScale]).toEqual(['cfg(2)', undefined]);
    const text = Buffer.from(byRule.images[0]!.toPng()).toString('latin1');
    expect([text.includes('cfg(2)'), text.includes('undefined')]).toEqual([true, false]);
  });

  test('has no branch computed in vain', async () => {
    const interval = await run({ guidance: guidanceInterval(rule, { sigmas: [0.5, 0.8] }) });
    expect(interval.evaluations).toBe(1 + 2 + 2 + 1);
    const never = await run({ guidance: guidanceInterval(rule, { steps: [0, 0] }) });
    expect(never.evaluations).toBe(4);
    expect(never.images[0]!.data).toEqual((await run({ guidanceScale: 1 })).images[0]!.data);
    const always = await run({ guidance: guidanceInterval(rule, { steps: [0, 1] }), solver: 'heun' });
    expect(always.images[0]!.data).toEqual((await run({ guidanceScale: 2, solver: 'heun' })).images[0]!.data);
    expect((await run({ guidance: cfgZeroStarGuidance(2, { zeroInitSteps: 2 }) })).evaluations).toBe(4);
    // Standing still to the end encodes no prompt and leaves the noise.
    const still = await run({ guidance: cfgZeroStarGuidance(2, { zeroInitSteps: 4 }), seed: 3 });
    expect(still.evaluations).toBe(0);
    const noise = normalNoise(3 * 16 * 16, { seed: 3, image: 0 });
    expect(still.images[0]!.data).toEqual(toRgbBytes(noise, { width: 16, height: 16 }));
  });

  test('measures every image of a batch apart, and remembers what it must', async () => {
    for (const guidance of [
      rescaledGuidance(classifierFreeGuidance(6), 0.7),
      adaptiveProjectedGuidance(6, { eta: 0.2, momentum: -0.5, normThreshold: 4 }),
    ]) {
      const prompts = ['a red apple', 'two green pears on a wooden table'];
      const together = await generateImages(model, prompts, { steps: 4, guidance, seed: 9 });
      const alone = await run({ guidance, seed: 9 });
      expect(pixelDifference(together.images[0]!.data, alone.images[0]!.data), guidance.name).toBeLessThanOrEqual(1);
    }
    const plain = await run({ guidance: adaptiveProjectedGuidance(6) });
    const momentum = await run({ guidance: adaptiveProjectedGuidance(6, { momentum: -0.5 }) });
    expect(pixelDifference(plain.images[0]!.data, momentum.images[0]!.data)).toBeGreaterThan(1);
  });

  test('an abort leaves neither contexts nor state', async () => {
    const controller = new AbortController();
    const guidance = guidanceInterval(adaptiveProjectedGuidance(6, { momentum: -0.5 }), { steps: [0, 0.5] });
    const onProgress = ({ step }: Progress) => step === 1 && controller.abort();
    await expect(run({ guidance, signal: controller.signal, onProgress })).rejects.toMatchObject({
      name: 'AbortError',
    });
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
    ['a', { guidance: classifierFreeGuidance(2) }, 'invalid-argument', 'guidance or guidanceScale, got both'],
    ['a', { guidance: autoguidance(2), guidanceScale: undefined }, 'invalid-argument', 'which needs the weak branch'],
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

  test('latents without an autoencoder', async () => {
    const latent = new LatteFlow({ ...model.config, latentChannels: 4 }, model.backbone, model.parameters);
    await expect(generateImages(latent, 'a')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('got 4 latent channels and no folder autoencoder/'),
    });
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
