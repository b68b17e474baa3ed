import { parseArgs } from 'node:util';
import { join } from 'node:path';

import { openFileStore, readJson } from '@latte-flow/checkpoint';
import { writeFile } from '@latte-flow/checkpoint/node';
import { LatteFlowError, refuseArgument, requireOneOf } from '@latte-flow/core';
import { describeImage, generateImages, GeneratedImage, LatteFlow } from '@latte-flow/model';
import { bootBackend, deviceOptions, type DeviceOption } from '@latte-flow/runtime';

import { progressBar } from '../corpus/progress-bar.ts';
import { workspaceRoot } from '../workspace/packages.ts';
import { parseDemoSettings } from './demo-settings.ts';
import { enlarge, sheetOf, type Picture } from './picture.ts';

/** Pictures are 64 pixels wide; a person wants to see them. */
const ENLARGEMENT = 4;
const GAP = 16;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs a part of the demo and says how long it took. */
async function timed<T>(part: string, run: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await run();
  say(`${part}: ${((performance.now() - started) / 1000).toFixed(2)} s`);
  return result;
}

/** Writes a picture as PNG, with the settings that it was made from. */
async function save(path: string, { data, ...size }: Picture, settings: GeneratedImage['settings']): Promise<void> {
  await writeFile(path, new GeneratedImage(data, size, settings).toPng());
  say(`Wrote ${path} (${size.width} x ${size.height}).`);
}

async function describe(model: LatteFlow, image: GeneratedImage): Promise<string> {
  let description = '';
  for await (const piece of describeImage(model, image)) description += piece;
  return description.trim();
}

async function runDemo(checkpoint: string, { device, out }: { device: DeviceOption; out: string }): Promise<void> {
  const store = await openFileStore(checkpoint);
  const { prompts, ...settings } = parseDemoSettings(await readJson(store, 'demo.json'));

  const backend = await timed('Start the backend', () => bootBackend({ device }));
  say(`  running on ${backend.description}`);
  for (const warning of backend.warnings) say(`  ${warning}`);

  using model = await timed('Load the model', () => LatteFlow.fromPretrained(store));

  const { steps } = settings;
  const draw = progressBar('Drawing');
  const { images } = await timed(`Draw ${prompts.length} pictures in ${steps} steps`, () =>
    generateImages(model, prompts, { ...settings, onProgress: ({ step }) => step !== undefined && draw(step, steps) }),
  );

  const pictures = images.map((image) => enlarge(image, ENLARGEMENT));
  await save(join(out, 'demo.png'), pictures[0]!, images[0]!.settings);
  const all = { ...images[0]!.settings, prompt: prompts.join('; ') };
  await save(join(out, 'demo-sheet.png'), sheetOf(pictures, GAP), all);

  const descriptions = await timed(`Describe ${images.length} pictures`, async () => {
    const texts: string[] = [];
    for (const image of images) texts.push(await describe(model, image));
    return texts;
  });
  for (const [index, prompt] of prompts.entries()) say(`${prompt}\n  -> ${descriptions[index]}`);
}

const options = {
  checkpoint: { type: 'string', default: join(workspaceRoot, 'packages/emoji/checkpoint') },
  device: { type: 'string', default: 'auto' },
  out: { type: 'string', default: 'out' },
} as const;

/** What was typed. @throws LatteFlowError `invalid-argument` */
function typedOptions() {
  try {
    return parseArgs({ options }).values;
  } catch (cause) {
    return refuseArgument({
      where: 'demo',
      expected: 'only --checkpoint DIR, --device NAME and --out DIR',
      got: cause instanceof Error ? cause.message : String(cause),
      remedy: 'Leave the rest out.',
      cause,
    });
  }
}

try {
  const values = typedOptions();
  const device = requireOneOf('demo', 'device', values.device, deviceOptions);
  await timed('In all', () => runDemo(values.checkpoint, { device, out: values.out }));
} catch (error) {
  if (!LatteFlowError.isInstance(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.isEnvironmental ? 1 : 2;
}
