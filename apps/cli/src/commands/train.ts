import { isAbort } from '@latte-flow/core';
import { Command } from 'commander';

import { bootDevice } from '../boot-device.ts';
import { stopwatch } from '../model-session.ts';
import { deviceFlag, deviceOption, jsonFlag } from '../options.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, say, type CommandContext } from '../terminal.ts';
import { timeDensityHelp } from '../train/time-density-config.ts';
import { train } from '../train/train.ts';
import { readTrainingConfig } from '../train/training-config.ts';

const WHERE = 'latte train';

const HELP = `
CONFIG is a JSON file; its paths start at its folder.
  task                captioning (a vision-language model learns to answer questions about scenes),
                      flow (a generation stream over a frozen one learns to draw them)
                      or autoencoder (a DC-AE learns to reconstruct them)
  corpus              folder that npm run corpus wrote
  backbone            checkpoint of the vision-language model; captioning reads its tokenizer alone, autoencoder none
  output              gets checkpoint/ (averaged weights, float16), log.jsonl and state/ (to resume)
  model               config.json of the model to train
  steps, batch_size, learning_rate
  seed                (0)
  dtype               (float32) of the products: float16 multiplies halves and sums in float32, on devices with
                      matrix units; weights and optimiser stay float32
  micro_batches       (1) batches whose mean gradient makes a step
  final_learning_rate (0) end of the cosine; equal to learning_rate: constant
  warmup_steps        (0)
  betas, weight_decay ([0.9, 0.99], 0.01) of AdamW
  clip_norm           (1) limit of the gradient's norm
  ema_decay           (0.999) of the averaged weights
  log_every           (20) steps
  save_every          (500) steps
  workers             threads that draw batches (cores - 1, at most 16); 0 draws them between the steps
  scenes              { plain (0.5): share with one large object on white, pair (0.1): share with two objects,
                      concepts, styles (all): labels and style names of the corpus to draw,
                      splits (["train"]) }
  corruption          (0) captioning: share of pictures with noise and blur
  text_every          (0) captioning: every so many batches, one of text alone
  prompt_dropout      (0.1) flow: share of prompts replaced by the null prompt, for guidance
  initial             flow, autoencoder: folder of a model to start from (a fresh replica of the backbone, fresh weights)
  groups              flow: expert groups to train, e.g. [0, 1] (all and the shared parts); the rest stays as it is
  time_density        flow: { name (uniform), shift (1): t -> shift t / (1 + (shift - 1) t), and the name's own parameters };
                      names: ${timeDensityHelp.join(',\n                      ')}
  structure_weight    (1) autoencoder: of errors in Haar coefficients beside those of pixels
  latent_weight       (0.001) autoencoder: of the latents' mean square
  latent_noise        (0.05) autoencoder: standard deviation of the noise on latents that are decoded

Ctrl-C saves the state; --resume goes on from the last one saved, with the same losses as a run that never stopped.
Without --resume the run starts anew and replaces what is in output.

--json prints:
  config, device
  steps       made in all
  loss        logged last; null if a resumed run had no step left
  seconds     of this call
  checkpoint  folder of the trained model
  log         JSON lines: { step, loss, mean_loss, learning_rate, gradient_norm, seconds }
  warnings    what is worth knowing, as text`;

interface TypedOptions {
  readonly resume?: boolean;
  readonly device: string;
  readonly json?: boolean;
}

async function runTrain(file: string, options: TypedOptions, context: CommandContext): Promise<void> {
  const { resume = false, json = false } = options;
  const device = deviceOption(WHERE, options.device);
  const config = await readTrainingConfig(file);
  const { signal } = context;
  const elapsed = stopwatch();
  const backend = await bootDevice(device, context);
  const progress = new ProgressLine(context.stderr, { quiet: json });
  let saved: number | undefined;
  const onSave = (step: number) => (saved = step);
  try {
    const result = await train(config, { resume, signal, onProgress: progress.show, onSave });
    progress.end();
    const seconds = elapsed();
    const { steps, loss, checkpoint, log } = result;
    if (json) {
      const { device, warnings } = backend;
      printJson(context, { config: file, device, steps, loss: loss ?? null, seconds, checkpoint, log, warnings });
    } else {
      say(context, `${checkpoint}: ${steps} steps, in ${seconds} s on ${backend.description}`);
    }
  } catch (error) {
    progress.end();
    if (isAbort(error, signal) && saved !== undefined) {
      say(context, `state of step ${saved} saved in ${config.output}: --resume goes on`);
    }
    throw error;
  }
}

/** `latte train CONFIG` */
export function trainCommand(context: CommandContext): Command {
  return new Command('train')
    .description('train a model on the emoji corpus')
    .argument('<config>', 'JSON file that says what to train')
    .option('--resume', 'go on from the state that an earlier run saved')
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((config: string, options: TypedOptions) => runTrain(config, options, context));
}
