import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { encodeLatentFile, loadAutoencoder } from '@latte-flow/autoencoder';
import { loadImage, type RgbImage } from '@latte-flow/vlm';
import { tensor, tidy, transpose, type Tensor4D } from '@tensorflow/tfjs-core';
import { Command, Option } from 'commander';

import { autoencoderLocation, openModel, SHIPPED_AUTOENCODER, stopwatch } from '../model-session.ts';
import { deviceFlag, deviceOption, integerOption, jsonFlag } from '../options.ts';
import { requireWritable } from '../output-files.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, say, type CommandContext } from '../terminal.ts';

const WHERE = 'latte encode';

const HELP = `
The model is the autoencoder of emoji art that comes with this program, unless --model names another.

The latents are scaled as diffusion models work on them. Their file holds them as the tensor "latents" [1, C, h, w], and in its
metadata the model, its scaling factor and the size of the picture, all of which latte decode checks or uses.

--json prints:
  image, output, model, device
  shape       of the latents
  width, height
  seconds     { load, encode }
  warnings    what is worth knowing, as text`;

interface TypedOptions {
  readonly output: string;
  readonly model: string;
  readonly fit: string;
  readonly tile?: string;
  readonly device: string;
  readonly json?: boolean;
}

/** RGB bytes, row by row, as `[1, 3, H, W]` in [-1, 1]; owned by the caller. */
function imageTensor({ data, width, height }: RgbImage): Tensor4D {
  const values = Float32Array.from(data, (value) => value / 127.5 - 1);
  return tidy(() => transpose(tensor(values, [1, height, width, 3], 'float32') as Tensor4D, [0, 3, 1, 2]));
}

/** Tiles of a side that was typed. */
export function tileOption(
  where: 'latte encode' | 'latte decode',
  typed: string | undefined,
): { readonly size: number } | undefined {
  return typed === undefined ? undefined : { size: integerOption(where, '--tile', { text: typed, min: 1 }) };
}

async function encode(file: string, options: TypedOptions, context: CommandContext): Promise<void> {
  const { json = false, model, output, fit } = options;
  const device = deviceOption(WHERE, options.device);
  const tile = tileOption(WHERE, options.tile);
  await requireWritable(output, { where: WHERE, option: '-o', ending: '.safetensors' });
  const location = autoencoderLocation(model);
  const { signal } = context;
  const image = await loadImage(file, { signal });
  const progress = new ProgressLine(context.stderr, { quiet: json });
  const session = await openModel({ location, device, progress, load: loadAutoencoder }, context);
  using autoencoder = session.model;
  const elapsed = stopwatch();
  const pictures = imageTensor(image);
  const latents = await autoencoder
    .encode(pictures, { fit: fit as 'exact' | 'pad', tile, signal, onProgress: progress.show })
    .finally(() => pictures.dispose());
  const { shape } = latents;
  const values = (await latents.data().finally(() => latents.dispose())) as Float32Array;
  progress.end();
  const seconds = { load: session.loadSeconds, encode: elapsed() };
  const { scalingFactor, factor } = autoencoder;
  const { width, height } = image;
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, encodeLatentFile({ values, shape, model, scalingFactor, factor, width, height }));
  if (json) {
    const { device: used, warnings } = session.backend;
    printJson(context, { image: file, output, model, device: used, shape, width, height, seconds, warnings });
    return;
  }
  say(context, `${output}: latents [${shape.join(', ')}], in ${seconds.encode} s on ${session.backend.description}`);
}

/** `latte encode IMAGE` */
export function encodeCommand(context: CommandContext): Command {
  return new Command('encode')
    .description('turn a picture into latents of an autoencoder')
    .argument('<image>', 'PNG, JPEG or WebP file, or its URL')
    .option('--model <id>', 'autoencoder: folder, http(s) URL or owner/name on the Hub', SHIPPED_AUTOENCODER)
    .option('-o, --output <file>', 'safetensors file to write', 'latents.safetensors')
    .addOption(
      new Option('--fit <how>', 'sides that are no multiple of the factor: refuse them, or pad and crop back')
        .choices(['exact', 'pad'])
        .default('exact'),
    )
    .option('--tile <pixels>', 'work in tiles of this side, for large pictures')
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((image: string, options: TypedOptions) => encode(image, options, context));
}
