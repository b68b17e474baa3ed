import { join } from 'node:path';

import { loadAutoencoder } from '@latte-flow/autoencoder';
import { drawScenes, SCENE_SIZE, sceneSource, type Split } from '@latte-flow/cli/corpus';
import { bootBackend } from '@latte-flow/runtime';
import { tensor } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { assembleCorpus } from '../corpus/assemble.ts';
import { readConcepts } from '../corpus/concepts.ts';
import { workspaceRoot } from '../workspace/packages.ts';
import { peakSignalToNoise, structuralSimilarity } from './picture-quality.ts';

const COUNT = 16;
const SIZE = 3 * SCENE_SIZE * SCENE_SIZE;

// A part of the corpus with concepts of every split: drawing it takes a second.
const { corpus } = await assembleCorpus(
  () => undefined,
  readConcepts().filter((_, i) => i % 23 === 0),
);

test.each<Split>(['train', 'val', 'test-pair', 'test-concept'])(
  'the shipped autoencoder reconstructs scenes of %s',
  async (split) => {
    await bootBackend({ device: 'wasm' });
    using autoencoder = await loadAutoencoder(join(workspaceRoot, 'packages/emoji/autoencoder'));
    const { images } = drawScenes(sceneSource(corpus, { splits: [split] }), { seed: 4, first: 0, count: COUNT });
    const pictures = tensor(images, [COUNT, 3, SCENE_SIZE, SCENE_SIZE]);
    const latents = await autoencoder.encode(pictures).finally(() => pictures.dispose());
    expect(latents.shape).toEqual([COUNT, 16, 8, 8]);
    // Scaled latents are about as large as the noise that a flow starts from.
    const values = (await latents.data()) as Float32Array;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.25);
    const decoded = await autoencoder.decode(latents).finally(() => latents.dispose());
    const copies = (await decoded.data().finally(() => decoded.dispose())) as Float32Array;
    let [noise, similarity] = [0, 0];
    for (let at = 0; at < images.length; at += SIZE) {
      const [image, copy] = [images.subarray(at, at + SIZE), copies.subarray(at, at + SIZE)];
      noise += peakSignalToNoise(image, copy) / COUNT;
      similarity += structuralSimilarity(image, copy, SCENE_SIZE) / COUNT;
    }
    expect(noise).toBeGreaterThanOrEqual(28);
    expect(similarity).toBeGreaterThan(0.9);
  },
);
