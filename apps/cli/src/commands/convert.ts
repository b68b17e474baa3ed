import { Command } from 'commander';

import { convertModel } from '../convert/convert-model.ts';
import { dtypeFlag, dtypeOption, integerOption, jsonFlag } from '../options.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, type CommandContext } from '../terminal.ts';

const WHERE = 'latte convert';

const HELP = `
Weights of two axes and more are packed: linear, embedding and convolution weights. int8 has a scale for each row, int4 one
for every 32 weights of a row; biases and norms stay float32. Other files are copied. The folder is written as a whole or
not at all, and loads like any other. latte inspect MODEL --dtype says what error a dtype causes.

--json prints:
  model, out
  files     what was written, relative to out
  bytes     { before, after }: of all weights`;

interface TypedOptions {
  readonly dtype: readonly string[];
  readonly out: string;
  readonly shardSize?: string;
  readonly json?: boolean;
}

async function convert(model: string, options: TypedOptions, context: CommandContext): Promise<void> {
  const { out, shardSize, json = false } = options;
  const progress = new ProgressLine(context.stderr, { quiet: json });
  const dtype = dtypeOption(WHERE, options.dtype);
  const shardBytes =
    shardSize === undefined ? undefined : integerOption(WHERE, '--shard-size', { text: shardSize, min: 1 });
  const result = await convertModel(model, out, {
    dtype,
    shardBytes,
    signal: context.signal,
    onProgress: progress.show,
  });
  progress.end();
  if (json) return printJson(context, result);
  const size = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  context.stdout.write(`${out}: ${size(result.bytes.before)} of weights are ${size(result.bytes.after)}\n`);
}

/** `latte convert MODEL --dtype D -o DIR` */
export function convertCommand(context: CommandContext): Command {
  return new Command('convert')
    .description('write the weights of a model in another dtype')
    .argument('<model>', 'folder of a checkpoint, or owner/name on the Hub')
    .addOption(dtypeFlag().makeOptionMandatory())
    .requiredOption('-o, --out <dir>', 'new folder to write')
    .option('--shard-size <bytes>', 'most bytes of weights in one file (default: 5000000000)')
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((model: string, options: TypedOptions) => convert(model, options, context));
}
