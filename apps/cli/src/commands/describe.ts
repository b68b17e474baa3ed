import { readFile } from 'node:fs/promises';

import { describeValue, LatteFlowError, refuseArgument } from '@latte-flow/core';
import { DEFAULT_QUESTION, describeImage, loadBackbone } from '@latte-flow/model';
import { decodeImage, type RgbImage } from '@latte-flow/vlm';
import { Command } from 'commander';

import { openModel, shippedModel, stopwatch } from '../model-session.ts';
import { deviceFlag, deviceOption, jsonFlag, modelFlag } from '../options.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, type CommandContext } from '../terminal.ts';

const WHERE = 'latte describe';

const HELP = `
--json prints:
  image, question, model, device
  text      the answer
  seconds   { load, answer }
  warnings  what is worth knowing, as text`;

interface TypedOptions {
  readonly question: string;
  readonly model?: string;
  readonly device: string;
  readonly json?: boolean;
}

async function readImage(file: string, signal: AbortSignal | undefined): Promise<RgbImage> {
  const bytes = await readFile(file, { signal }).catch((cause: NodeJS.ErrnoException) => {
    if (signal?.aborted) throw signal.reason;
    throw new LatteFlowError('file-not-found', {
      where: WHERE,
      expected: 'an image file that can be read',
      got: cause.message,
      remedy: 'Pass a PNG, JPEG or WebP file.',
      data: { file },
      cause,
    });
  });
  return decodeImage(new Uint8Array(bytes), { signal });
}

async function describe(file: string, options: TypedOptions, context: CommandContext): Promise<void> {
  const { question, json = false } = options;
  const device = deviceOption(WHERE, options.device);
  if (question.trim() === '') {
    refuseArgument({
      where: WHERE,
      expected: '--question to have text in it',
      got: describeValue(question),
      remedy: `Ask something, e.g. "${DEFAULT_QUESTION}"`,
    });
  }
  const location = options.model ?? shippedModel();
  const { signal, stdout } = context;
  const image = await readImage(file, signal);
  const progress = new ProgressLine(context.stderr, { quiet: json });
  const session = await openModel({ location, device, progress, load: loadBackbone }, context);
  using backbone = session.model;

  const answered = stopwatch();
  let text = '';
  for await (const piece of describeImage({ backbone }, image, { question, signal })) {
    text += piece;
    if (!json) stdout.write(piece);
  }
  if (!json) {
    stdout.write('\n');
    return;
  }
  printJson(context, {
    image: file,
    question,
    text,
    model: location,
    device: session.backend.device,
    seconds: { load: session.loadSeconds, answer: answered() },
    warnings: session.backend.warnings,
  });
}

/** `latte describe IMAGE` */
export function describeCommand(context: CommandContext): Command {
  return new Command('describe')
    .description('say what a picture shows')
    .argument('<image>', 'PNG, JPEG or WebP file')
    .option('--question <text>', 'what to ask about it', DEFAULT_QUESTION)
    .addOption(modelFlag())
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((image: string, options: TypedOptions) => describe(image, options, context));
}
