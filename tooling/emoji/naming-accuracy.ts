/**
 * How often the shipped backbone names what a plain scene shows: asks "What is this?" and wants the scene's brief caption
 * to the letter. Prints a line for each split, with clean pictures and with noisy ones.
 *
 *   npm run -s corpus -- --concepts tooling/corpus/concepts.json
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/emoji/naming-accuracy.ts
 */
import { captionScene, corruptImage, drawScene, readCorpus, SCENE_SIZE, sceneSource } from '@latte-flow/cli/corpus';
import type { Split } from '@latte-flow/cli/corpus';
import { toRgbBytes } from '@latte-flow/model';
import { bootBackend } from '@latte-flow/runtime';
import { VisionLanguageModel } from '@latte-flow/vlm';

const CORPUS = '.cache/corpus/concepts';
const BACKBONE = 'packages/emoji/checkpoint/vlm';
const SEED = 99;
const SCENES: readonly (readonly [Split, number])[] = [
  ['train', 200],
  ['val', 40],
  ['test-pair', 40],
];
const NOISE = [0, 0.25];

await bootBackend({ device: 'wasm' });
using model = await VisionLanguageModel.fromPretrained(BACKBONE);
const corpus = await readCorpus(CORPUS);
const size = { width: SCENE_SIZE, height: SCENE_SIZE };

async function answer(image: Float32Array): Promise<string> {
  const content = [{ type: 'image' }, { type: 'text', text: 'What is this?' }] as const;
  const conversation = {
    messages: [{ role: 'user', content }] as const,
    images: [{ data: toRgbBytes(image, size), ...size }],
  };
  let text = '';
  for await (const piece of model.generate(conversation, { maxNewTokens: 24 })) text += piece;
  return text;
}

for (const [split, count] of SCENES) {
  const source = sceneSource(corpus, { splits: [split], plainShare: 1, pairShare: 0 });
  for (const noise of NOISE) {
    let right = 0;
    for (let index = 0; index < count; index++) {
      const { scene, image } = drawScene(source, { seed: SEED, index });
      const seen = corruptImage(image, { noise, seed: SEED, index });
      if ((await answer(seen)) === captionScene(scene, 'brief')) right++;
    }
    process.stdout.write(`${split}, noise ${noise}: ${right} of ${count}\n`);
  }
}
