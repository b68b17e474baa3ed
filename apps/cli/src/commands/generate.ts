import { createHash } from 'node:crypto';

import { writeFile } from '@latte-flow/checkpoint/node';
import { describeValue, refuseArgument, requireOneOf, throwIfAborted } from '@latte-flow/core';
import { generateImages, LatteFlow, type GenerateResult } from '@latte-flow/model';
import type { DeviceOption } from '@latte-flow/runtime';
import { solverNames, type SolverName } from '@latte-flow/schedulers';
import { type Guidance } from '@latte-flow/schedulers/guidance';
import { Command } from 'commander';

import { generationDefaults as defaults } from '../generation-defaults.ts';
import { guidanceOption, guidanceRuleNames, isScaleAlone, type TypedGuidance } from '../guidance-option.ts';
import { openModel, shippedModel, stopwatch } from '../model-session.ts';
import { deviceFlag, deviceOption, finiteOption, integerOption, jsonFlag, modelFlag } from '../options.ts';
import { outputFiles, requireWritable, type OutputKind } from '../output-files.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, say, type CommandContext } from '../terminal.ts';

const WHERE = 'latte generate';
const PICTURE: OutputKind = { where: WHERE, option: '-o', ending: '.png' };

const HELP = `
--json prints:
  files        the PNG files, which carry prompt, seed and settings in text chunks
  prompt, seed, steps, guidance, guidance_rule, solver, model, device
  width, height
  evaluations  velocities taken, every branch of the guidance counted
  seconds      { load, sample, write, total }
  warnings     what is worth knowing, as text
  sha256       of the RGB bytes of each picture`;

interface TypedOptions extends TypedGuidance {
  readonly output: string;
  readonly seed: string;
  readonly steps: string;
  readonly solver: string;
  readonly count: string;
  readonly model?: string;
  readonly device: string;
  readonly json?: boolean;
}

interface Request {
  readonly prompt: string;
  readonly files: readonly string[];
  readonly seed: number;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly guidance: Guidance;
  readonly solver: SolverName;
  readonly count: number;
  readonly device: DeviceOption;
}

/** Checks everything that can be checked without the model. */
async function readRequest(prompt: string, options: TypedOptions): Promise<Request> {
  if (prompt.trim() === '') {
    refuseArgument({
      where: WHERE,
      expected: 'a PROMPT with text in it',
      got: describeValue(prompt),
      remedy: 'Describe the picture, e.g. latte generate "a red apple".',
    });
  }
  const count = integerOption(WHERE, '--count', { text: options.count, min: 1 });
  const request = {
    prompt,
    files: outputFiles(options.output, count),
    seed: integerOption(WHERE, '--seed', { text: options.seed, min: 0 }),
    steps: integerOption(WHERE, '--steps', { text: options.steps, min: 1 }),
    guidanceScale: finiteOption(WHERE, '--guidance', { text: options.guidance }),
    guidance: guidanceOption(WHERE, options),
    solver: requireOneOf(WHERE, '--solver', options.solver, solverNames()),
    count,
    device: deviceOption(WHERE, options.device),
  };
  for (const file of request.files) await requireWritable(file, PICTURE);
  return request;
}

async function writeImages(
  { images }: GenerateResult,
  files: readonly string[],
  context: CommandContext,
): Promise<void> {
  for (const [i, image] of images.entries()) {
    throwIfAborted(context.signal);
    await writeFile(files[i]!, image.toPng());
  }
}

async function generate(prompt: string, options: TypedOptions, context: CommandContext): Promise<void> {
  const request = await readRequest(prompt, options);
  const { files, seed, steps, guidanceScale, guidance, solver, count } = request;
  const location = options.model ?? shippedModel();
  const total = stopwatch();
  const progress = new ProgressLine(context.stderr, { quiet: options.json === true });
  const session = await openModel(
    { location, device: request.device, progress, load: LatteFlow.fromPretrained },
    context,
  );
  using model = session.model;

  const sampled = stopwatch();
  const { signal } = context;
  const guided = isScaleAlone(options) ? { guidanceScale } : { guidance };
  const settings = { steps, ...guided, solver, seed, count, signal, onProgress: progress.show };
  const result = await generateImages(model, prompt, settings);
  progress.end();
  const sampleSeconds = sampled();
  for (const warning of result.warnings) say(context, `warning: ${warning}`);
  const written = stopwatch();
  await writeImages(result, files, context);
  const seconds = { load: session.loadSeconds, sample: sampleSeconds, write: written(), total: total() };

  if (options.json === true) {
    const { width, height } = result.images[0]!;
    printJson(context, {
      files,
      prompt,
      seed,
      steps,
      guidance: guidanceScale,
      guidance_rule: guidance.name,
      solver,
      model: location,
      device: session.backend.device,
      width,
      height,
      evaluations: result.evaluations,
      seconds,
      warnings: [...session.backend.warnings, ...result.warnings],
      sha256: result.images.map(({ data }) => createHash('sha256').update(data).digest('hex')),
    });
    return;
  }
  const { load, sample } = seconds;
  say(context, `${files.join(', ')}: seed ${seed}, ${steps} steps on ${session.backend.description}`);
  say(context, `loaded in ${load} s, sampled in ${sample} s`);
}

/** `latte generate PROMPT` */
export function generateCommand(context: CommandContext): Command {
  return new Command('generate')
    .description('make pictures for a prompt')
    .argument('<prompt>', 'what to draw')
    .option('-o, --output <file>', 'PNG file to write; name-0.png, name-1.png, … for several', 'out.png')
    .option('--seed <n>', 'the same seed makes the same picture on every device', String(defaults.seed))
    .option('--steps <n>', 'denoising steps', String(defaults.steps))
    .option('--guidance <w>', 'guidance scale, 1 = none', String(defaults.guidanceScale))
    .option('--guidance-rule <name>', guidanceRuleNames.join(', '), 'cfg')
    .option('--guidance-interval <start,stop>', 'guide these shares of the steps alone, e.g. 0.1,0.8')
    .option('--guidance-rescale <phi>', 'bring the spread back to that without guidance, 0 (not) to 1 (wholly)')
    .option('--solver <name>', solverNames().join(', '), defaults.solver)
    .option('--count <n>', 'number of pictures', String(defaults.count))
    .addOption(modelFlag())
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((prompt: string, options: TypedOptions) => generate(prompt, options, context));
}
