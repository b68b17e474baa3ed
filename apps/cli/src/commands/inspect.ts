import { Command } from 'commander';

import { inspectModel } from '../inspect/inspect-model.ts';
import { dtypeError } from '../inspect/dtype-error.ts';
import { dtypeErrorText, summaryText } from '../inspect/summary-text.ts';
import { dtypeFlag, dtypeOption, jsonFlag } from '../options.ts';
import { shippedModel } from '../model-session.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, type CommandContext } from '../terminal.ts';

const HELP = `
--json prints:
  model       where it lies
  config      of the generation stream, every field spelled out; a vision-language model alone has none, no groups and
              no plan
  backbone    config of the vision-language model
  parts       [{ part, dtype, tensors, parameters, bytes }]
  parameters, bytes
  groups      [{ group, layers: [first, end), interval: [from, to), steps }]
  plan        { steps, guidance, solver, evaluations, layers, vanillaLayers, flops, vanillaFlops, warnings }:
              a picture with the default settings beside a model without groups; FLOPs without context

With --dtype, what error it causes, of any folder with weights:
  model
  modules     [{ module, dtype, tensors, parameters, bytes, max_error, rms_error, relative_error }]: bytes as latte convert
              writes them; errors against the stored weights, the last one as a part of their root mean square
  total       the same over all modules`;

/** `latte inspect MODEL` */
export function inspectCommand(context: CommandContext): Command {
  return new Command('inspect')
    .description('show what a checkpoint holds and what a picture costs')
    .argument('[model]', 'folder, http(s) URL or owner/name on the Hub (default: the shipped emoji model)')
    .addOption(dtypeFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action(async (model: string | undefined, { json, dtype }: { json?: boolean; dtype?: readonly string[] }) => {
      const progress = new ProgressLine(context.stderr, { quiet: json === true });
      const options = { signal: context.signal, onProgress: progress.show };
      if (dtype !== undefined) {
        const rules = dtypeOption('latte inspect', dtype);
        const errors = await dtypeError(model ?? shippedModel(), { dtype: rules, ...options });
        progress.end();
        if (json === true) printJson(context, errors);
        else context.stdout.write(dtypeErrorText(errors));
        return;
      }
      const summary = await inspectModel(model ?? shippedModel(), options);
      progress.end();
      if (json === true) printJson(context, summary);
      else context.stdout.write(summaryText(summary));
    });
}
