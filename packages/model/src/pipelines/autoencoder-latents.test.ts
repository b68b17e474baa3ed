import { IdentityAutoencoder, loadAutoencoder } from '@latte-flow/autoencoder';
import { openFileStore, type FileStore } from '@latte-flow/checkpoint';
import { normalNoise, type Progress } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory, tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { predictVelocity } from '../generation-stream/velocity.ts';
import { imagesToRgb } from '../image/pixels.ts';
import { AUTOENCODER_FOLDER, LatteFlow } from '../latte-flow.ts';
import { tinyCheckpoint } from '../testing/tiny-model.ts';
import { disposeContext } from './contexts.ts';
import { generateImages } from './generate-images.ts';

const checkpoint = tinyCheckpoint({ latents: true });
let before = 0;
let store: FileStore;

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
  store = await openFileStore(checkpoint.folder);
});
beforeEach(() => {
  before = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(before));

const without = (folder: string): FileStore => ({
  ...store,
  read: (path, options) => store.read(path, options),
  exists: async (path) => !path.startsWith(folder) && store.exists(path),
});

describe('a stream over the latents of an autoencoder', () => {
  test('draws pictures of the autoencoder, by the latents that the solver ends at', async () => {
    using model = await LatteFlow.fromPretrained(store);
    const { config } = model;
    const stages: string[] = [];
    const onProgress = ({ stage }: Progress) => void stages.push(stage);
    const options = { seed: 5, steps: 1, guidanceScale: 1, onProgress };
    const { images } = await generateImages(model, 'a red apple', options);
    expect(images[0]).toMatchObject({ width: 64, height: 64 });
    expect(stages.at(-1)).toBe('decode');

    // One Euler step by hand, decoded by an autoencoder that was loaded alone.
    using autoencoder = await loadAutoencoder(checkpoint.folder, { subfolder: AUTOENCODER_FOLDER });
    const shape = [1, config.latentChannels, config.latentSize, config.latentSize];
    const noise = tensor(normalNoise(4 * 16 * 16, { seed: 5, image: 0 }), shape);
    const context = model.encodePrompts(['a red apple']);
    const velocity = predictVelocity({ latents: noise, times: [0], context, group: 0 }, model.parameters, config);
    const [start, slope] = [await noise.data(), await velocity.data()];
    const latents = tensor(start.map((value, i) => value + slope[i]!) as Float32Array, shape);
    const pictures = await autoencoder.decode(latents);
    expect(images[0]!.data).toEqual((await imagesToRgb(pictures))[0]);
    expect(new Set(images[0]!.data).size).toBeGreaterThan(10);
    disposeContext(context);
    for (const made of [noise, velocity, latents, pictures]) made.dispose();
  });

  test('an abort while it decodes leaves nothing', async () => {
    using model = await LatteFlow.fromPretrained(store);
    const controller = new AbortController();
    const onProgress = ({ stage }: Progress) => stage === 'decode' && controller.abort();
    await expect(generateImages(model, 'a', { steps: 1, signal: controller.signal, onProgress })).rejects.toMatchObject(
      { name: 'AbortError' },
    );
  });

  test('without an autoencoder it loads, and draws nothing', async () => {
    using model = await LatteFlow.fromPretrained(without(AUTOENCODER_FOLDER));
    expect(model.autoencoder).toBeUndefined();
    await expect(generateImages(model, 'a')).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('an autoencoder of other latents is refused', async () => {
    using model = await LatteFlow.fromPretrained(store);
    using other = new IdentityAutoencoder({ channels: 5 });
    expect(() => new LatteFlow(model.config, model.backbone, model.parameters, other)).toThrow(
      'expected an autoencoder of 4 latent channels, as the stream draws, got 5',
    );
  });
});
