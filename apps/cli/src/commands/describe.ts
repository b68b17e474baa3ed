import { describeValue, refuseArgument } from '@latte-flow/core';
import { DEFAULT_QUESTION, describeImage, loadBackbone } from '@latte-flow/model';
import { loadImage, type RgbImage } from '@latte-flow/vlm';
import { Command } from 'commander';

import { openModel, shippedModel, stopwatch } from '../model-session.ts';
import { deviceFlag, deviceOption, finiteOption, integerOption, jsonFlag, modelFlag } from '../options.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, type CommandContext } from '../terminal.ts';

const WHERE = 'latte describe';

const HELP = `
--json prints:
  images       the files or URLs
  question, temperature, top_p, max_tokens, seed, model, device
  text         the answer
  seconds      { load, answer }
  warnings     what is worth knowing, as text`;

interface TypedOptions {
  readonly question: string;
  readonly temperature: string;
  readonly topP: string;
  readonly maxTokens: string;
  readonly seed: string;
  readonly model?: string;
  readonly device: string;
  readonly json?: boolean;
}

/** Checks everything that can be checked without pictures and model. */
function readRequest(options: TypedOptions) {
  const { question } = options;
  if (question.trim() === '') {
    refuseArgument({
      where: WHERE,
      expected: '--question to have text in it',
      got: describeValue(question),
      remedy: `Ask something, e.g. "${DEFAULT_QUESTION}"`,
    });
  }
  return {
    question,
    temperature: finiteOption(WHERE, '--temperature', { text: options.temperature, min: 0 }),
    topP: finiteOption(WHERE, '--top-p', { text: options.topP, min: Number.MIN_VALUE, max: 1 }),
    maxNewTokens: integerOption(WHERE, '--max-tokens', { text: options.maxTokens, min: 1 }),
    seed: integerOption(WHERE, '--seed', { text: options.seed, min: 0 }),
  };
}

async function describe(files: readonly string[], options: TypedOptions, context: CommandContext): Promise<void> {
  const { json = false } = options;
  const device = deviceOption(WHERE, options.device);
  const request = readRequest(options);
  const location = options.model ?? shippedModel();
  const { signal, stdout } = context;
  const images: RgbImage[] = [];
  for (const file of files) images.push(await loadImage(file, { signal }));
  const progress = new ProgressLine(context.stderr, { quiet: json });
  const session = await openModel({ location, device, progress, load: loadBackbone }, context);
  using backbone = session.model;

  const answered = stopwatch();
  let text = '';
  for await (const piece of describeImage({ backbone }, images, { ...request, signal })) {
    text += piece;
    if (!json) stdout.write(piece);
  }
  if (!json) {
    stdout.write('\n');
    return;
  }
  printJson(context, {
    images: files,
    question: request.question,
    temperature: request.temperature,
    top_p: request.topP,
    max_tokens: request.maxNewTokens,
    seed: request.seed,
    text,
    model: location,
    device: session.backend.device,
    seconds: { load: session.loadSeconds, answer: answered() },
    warnings: session.backend.warnings,
  });
}

/** `latte describe IMAGE...` */
export function describeCommand(context: CommandContext): Command {
  return new Command('describe')
    .description('say what pictures show')
    .argument('<images...>', 'PNG, JPEG or WebP files, or their URLs; several are shown in this order')
    .option('--question <text>', 'what to ask about them', DEFAULT_QUESTION)
    .option('--temperature <t>', '0 takes the most likely words, 1 draws by likelihood', '0')
    .option('--top-p <p>', 'draw among the likeliest words that make up this share', '1')
    .option('--max-tokens <n>', 'end after so many tokens', '128')
    .option('--seed <n>', 'the same seed draws the same words', '0')
    .addOption(modelFlag())
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((images: string[], options: TypedOptions) => describe(images, options, context));
}
