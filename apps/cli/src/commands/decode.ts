import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { decodeLatentFile, loadAutoencoder, requireLatentsOf, type LatentFile } from '@latte-flow/autoencoder';
import { LatteFlowError } from '@latte-flow/core';
import { toRgbBytes } from '@latte-flow/model';
import { tensor } from '@tensorflow/tfjs-core';
import { Command } from 'commander';

import { autoencoderLocation, openModel, stopwatch } from '../model-session.ts';
import { deviceFlag, deviceOption, jsonFlag } from '../options.ts';
import { requireWritable } from '../output-files.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, say, type CommandContext } from '../terminal.ts';
import { tileOption } from './encode.ts';

const WHERE = 'latte decode';

const HELP = `
LATENTS is a file of latte encode. A model with other channels or another scale than the file says is refused.

--json prints:
  latents, output, model, device
  width, height
  seconds     { load, decode }
  warnings    what is worth knowing, as text`;

interface TypedOptions {
  readonly output: string;
  readonly model?: string;
  readonly tile?: string;
  readonly device: string;
  readonly json?: boolean;
}

async function readLatents(file: string): Promise<LatentFile> {
  try {
    return decodeLatentFile(new Uint8Array(await readFile(file)));
  } catch (cause) {
    if (LatteFlowError.isInstance(cause)) throw cause;
    throw new LatteFlowError('file-not-found', {
      where: WHERE,
      expected: 'a file of latents',
      got: `no readable file at ${file}`,
      remedy: 'Give the path of a file that latte encode wrote.',
      cause,
    });
  }
}

async function decode(file: string, options: TypedOptions, context: CommandContext): Promise<void> {
  const { json = false, output } = options;
  const device = deviceOption(WHERE, options.device);
  const tile = tileOption(WHERE, options.tile);
  await requireWritable(output, { where: WHERE, option: '-o', ending: '.png' });
  const latents = await readLatents(file);
  const { width, height } = latents;
  const model = options.model ?? latents.model;
  const location = autoencoderLocation(model);
  const { signal } = context;
  const progress = new ProgressLine(context.stderr, { quiet: json });
  const session = await openModel({ location, device, progress, load: loadAutoencoder }, context);
  using autoencoder = session.model;
  requireLatentsOf(latents, autoencoder);
  const elapsed = stopwatch();
  const z = tensor(latents.values, [...latents.shape], 'float32');
  const pictures = await autoencoder
    .decode(z, { size: { width, height }, tile, signal, onProgress: progress.show })
    .finally(() => z.dispose());
  const values = (await pictures.data().finally(() => pictures.dispose())) as Float32Array;
  progress.end();
  const seconds = { load: session.loadSeconds, decode: elapsed() };
  const bytes = toRgbBytes(values.subarray(0, 3 * width * height), { width, height });
  await mkdir(dirname(output), { recursive: true });
  const { default: sharp } = await import('sharp'); // a bundle without packages must load this file too
  await sharp(bytes, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(output);
  if (json) {
    const { device: used, warnings } = session.backend;
    printJson(context, { latents: file, output, model, device: used, width, height, seconds, warnings });
    return;
  }
  say(context, `${output}: ${width} x ${height}, in ${seconds.decode} s on ${session.backend.description}`);
}

/** `latte decode LATENTS` */
export function decodeCommand(context: CommandContext): Command {
  return new Command('decode')
    .description('turn latents of an autoencoder back into a picture')
    .argument('<latents>', 'file of latte encode')
    .option('--model <id>', 'autoencoder (default: the one that the file names)')
    .option('-o, --output <file>', 'PNG file to write', 'out.png')
    .option('--tile <pixels>', 'work in tiles of this side, for large pictures')
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((latents: string, options: TypedOptions) => decode(latents, options, context));
}
