/**
 * How often the shipped model recognises what it drew: draws every concept of the corpus once, from "a red apple" alone and
 * with the settings of the demo, lets the backbone describe each picture, and wants the concept's name in the description. Prints the concepts that it
 * names, then their count.
 *
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/emoji/drawing-accuracy.ts [--solver NAME] [--guidance W]
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { withArticle } from '@latte-flow/cli/corpus';
import { describeImage, generateImages, LatteFlow } from '@latte-flow/model';
import { bootBackend } from '@latte-flow/runtime';

import { parseDemoSettings } from '../demo/demo-settings.ts';

const CHECKPOINT = 'packages/emoji/checkpoint';
const CONCEPTS = 'tooling/corpus/concepts.json';
const BATCH = 10;
const SEED = 1;

await bootBackend({ device: 'wasm' });
using model = await LatteFlow.fromPretrained(CHECKPOINT);
const { values: typed } = parseArgs({ options: { solver: { type: 'string' }, guidance: { type: 'string' } } });
const demo = parseDemoSettings(JSON.parse(await readFile(`${CHECKPOINT}/demo.json`, 'utf8')));
const solver = typed.solver ?? demo.solver;
const guidanceScale = typed.guidance === undefined ? demo.guidanceScale : Number(typed.guidance);
const concepts: readonly string[] = Object.values(JSON.parse(await readFile(CONCEPTS, 'utf8')));

const named: string[] = [];
for (let start = 0; start < concepts.length; start += BATCH) {
  const drawn = concepts.slice(start, start + BATCH);
  const { images } = await generateImages(model, drawn.map(withArticle), {
    steps: demo.steps,
    guidanceScale,
    solver,
    seed: SEED,
  });
  for (const [index, image] of images.entries()) {
    let description = '';
    for await (const piece of describeImage(model, image)) description += piece;
    if (description.includes(drawn[index]!)) named.push(drawn[index]!);
  }
}
process.stdout.write(`${named.join(', ')}\n${named.length} of ${concepts.length}\n`);
