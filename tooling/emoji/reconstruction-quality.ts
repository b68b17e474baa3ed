/**
 * How well an autoencoder reconstructs scenes: PSNR and SSIM of single pictures, averaged over each split, and a sheet of
 * originals above their reconstructions.
 *
 *   npm run -s corpus
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/emoji/reconstruction-quality.ts [--model DIR] [--corpus DIR] \
 *     [--count N] [--device NAME] [--sheet FILE]
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { loadAutoencoder } from '@latte-flow/autoencoder';
import { drawScenes, readCorpus, SCENE_SIZE, sceneSource, type Split } from '@latte-flow/cli/corpus';
import { requireInteger, requireOneOf } from '@latte-flow/core';
import { toRgbBytes } from '@latte-flow/model';
import { bootBackend, deviceOptions } from '@latte-flow/runtime';
import { tensor } from '@tensorflow/tfjs-core';
import sharp from 'sharp';

import { peakSignalToNoise, structuralSimilarity } from './picture-quality.ts';

const SPLITS: readonly Split[] = ['train', 'val', 'test-pair', 'test-concept'];
const SEED = 99;
const BATCH = 20;
/** Pictures of each split on the sheet. */
const SHOWN = 10;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'out/autoencoder/checkpoint' },
    corpus: { type: 'string', default: '.cache/corpus/full' },
    count: { type: 'string', default: '200' },
    device: { type: 'string', default: 'wasm' },
    sheet: { type: 'string', default: 'out/autoencoder-sheet.png' },
  },
});
const count = requireInteger('reconstruction-quality', 'count', Number(values.count), { min: SHOWN });
await bootBackend({ device: requireOneOf('reconstruction-quality', 'device', values.device, deviceOptions) });
using autoencoder = await loadAutoencoder(values.model);
const corpus = await readCorpus(values.corpus);
const size = 3 * SCENE_SIZE * SCENE_SIZE;

/** Pictures `[count, 3, 64, 64]` and what comes back of them. */
async function reconstruct(images: Float32Array): Promise<Float32Array> {
  const pictures = tensor(images, [images.length / size, 3, SCENE_SIZE, SCENE_SIZE]);
  const latents = await autoencoder.encode(pictures).finally(() => pictures.dispose());
  const decoded = await autoencoder.decode(latents).finally(() => latents.dispose());
  return (await decoded.data().finally(() => decoded.dispose())) as Float32Array;
}

const rows: Uint8Array[][] = [];
for (const split of SPLITS) {
  const source = sceneSource(corpus, { splits: [split] });
  let [noise, similarity] = [0, 0];
  const [originals, copies]: [Uint8Array[], Uint8Array[]] = [[], []];
  for (let first = 0; first < count; first += BATCH) {
    const { images } = drawScenes(source, { seed: SEED, first, count: Math.min(BATCH, count - first) });
    const decoded = await reconstruct(images);
    for (let start = 0; start < images.length; start += size) {
      const [image, copy] = [images.subarray(start, start + size), decoded.subarray(start, start + size)];
      noise += peakSignalToNoise(image, copy) / count;
      similarity += structuralSimilarity(image, copy, SCENE_SIZE) / count;
      if (originals.length === SHOWN) continue;
      originals.push(toRgbBytes(image, { width: SCENE_SIZE, height: SCENE_SIZE }));
      copies.push(toRgbBytes(copy, { width: SCENE_SIZE, height: SCENE_SIZE }));
    }
  }
  rows.push(originals, copies);
  process.stdout.write(`${split}: PSNR ${noise.toFixed(2)} dB, SSIM ${similarity.toFixed(4)}, ${count} pictures\n`);
}

await mkdir(dirname(values.sheet), { recursive: true });
await sharp({
  create: { width: SHOWN * SCENE_SIZE, height: rows.length * SCENE_SIZE, channels: 3, background: 'white' },
})
  .composite(
    rows.flatMap((row, y) =>
      row.map((data, x) => ({
        input: Buffer.from(data),
        raw: { width: SCENE_SIZE, height: SCENE_SIZE, channels: 3 as const },
        left: x * SCENE_SIZE,
        top: y * SCENE_SIZE,
      })),
    ),
  )
  .png()
  .toFile(values.sheet);
process.stdout.write(`${values.sheet}\n`);
