import { stat } from 'node:fs/promises';

import type { DtypeRules } from '@latte-flow/checkpoint';
import { describeValue, refuseArgument, requireOneOf } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { Command } from 'commander';

import { ExitCode } from '../failure.ts';
import { deviceFlag, deviceOption, dtypeFlag, dtypeOption } from '../options.ts';
import { printJson, say, type CommandContext } from '../terminal.ts';
import { FLOAT16_BOUND, type Status } from '../verify/report.ts';
import { discoverFixtures } from '../verify/discover.ts';
import { verifyFixture } from '../verify/verify.ts';

const WHERE = 'latte verify';
/** Halves have a bound; what int8 and int4 lose is a matter of the model. */
const DTYPES = ['float32', 'float16'];
/** Nothing but `unsupported`. */
const NOTHING_KNOWN = 3;

const HELP = `
Prints one JSON object a line for each quantity:
  fixture     its folder or file
  kind        latte_flow, vlm_to_stream, the VLM's model_type, AutoencoderDC, or the kind of a JSON fixture
  quantity    what was compared; * is the whole fixture
  status      pass, fail or unsupported
  error       the largest error, null where nothing could be compared
  metric      relative: max|a - b| / max(1, max|b|); scaled: max|a - b| / max|b|;
              absolute: max|a - b|; exact: the number of entries that differ
  tolerance   the largest error that passes
  device      webgpu, wasm or cpu
  message     why nothing could be compared (only then)

--dtype takes float32 and float16, of all weights or by pattern. With float16 what is computed from weights is compared
with ${FLOAT16_BOUND.metric} ${FLOAT16_BOUND.tolerance}, and training is unsupported.

Exit code: 0 all pass, 1 any fail, 2 bad usage, 3 nothing but unsupported.`;

async function requireFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isFolder) continue;
    refuseArgument({
      where: WHERE,
      expected: 'every DIR to be a folder',
      got: describeValue(folder),
      remedy: 'Pass folders that hold fixtures, e.g. test/fixtures.',
    });
  }
}

function verifiedDtype(rules: readonly string[] | undefined): DtypeRules | undefined {
  if (rules === undefined) return undefined;
  const dtypes = dtypeOption(WHERE, rules);
  for (const dtype of Object.values(dtypes)) requireOneOf(WHERE, '--dtype', dtype, DTYPES);
  return dtypes;
}

function exitCodeOf(counts: Readonly<Record<Status, number>>): number {
  if (counts.fail > 0) return ExitCode.failure;
  return counts.pass > 0 ? ExitCode.success : NOTHING_KNOWN;
}

/** `latte verify DIR...` */
export function verifyCommand(context: CommandContext): Command {
  return new Command('verify')
    .description('check every fixture below the folders against this program, quantity by quantity')
    .argument('<dir...>', 'folders')
    .addOption(deviceFlag())
    .addOption(dtypeFlag(DTYPES))
    .addHelpText('after', HELP)
    .action(async (folders: string[], options: { device: string; dtype?: string[] }) => {
      const device = deviceOption(WHERE, options.device);
      const dtype = verifiedDtype(options.dtype);
      await requireFolders(folders);
      const fixtures = await discoverFixtures(folders);
      if (fixtures.length === 0) {
        refuseArgument({
          where: WHERE,
          expected: 'fixtures below the folders',
          got: `none below ${folders.join(', ')}`,
          remedy: 'Pass folders that hold fixtures, e.g. test/fixtures.',
        });
      }
      const { signal } = context;
      const backend = await bootBackend({ device, signal });
      for (const warning of backend.warnings) say(context, `warning: ${warning}`);
      const counts = { pass: 0, fail: 0, unsupported: 0 };
      for (const fixture of fixtures) {
        await verifyFixture(fixture, {
          device: backend.device,
          dtype,
          signal,
          onLine: (line) => {
            counts[line.status]++;
            printJson(context, line);
          },
        });
      }
      const { pass, fail, unsupported } = counts;
      say(context, `${fixtures.length} fixtures: ${pass} pass, ${fail} fail, ${unsupported} unsupported`);
      context.setExitCode(exitCodeOf(counts));
    });
}
