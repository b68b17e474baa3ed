import { Command } from 'commander';

import manifest from '../package.json' with { type: 'json' };
import { commands } from './commands/index.ts';
import { ExitCode, reportFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs `latte` with the arguments after the program's name. Returns the exit code: 0, 1 for a failure, 2 for bad usage
 * or input, 130 after Ctrl-C; `verify` has a 3 of its own. Never throws.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = ExitCode.success;
  const context = { ...terminal, setExitCode: (code: number) => void (exitCode = code) };
  const program = new Command('latte')
    .description(
      'Generate pictures from text, describe pictures, train, inspect, convert and verify LaTtE-Flow models.',
    )
    .version(manifest.version);
  for (const makeCommand of commands) program.addCommand(makeCommand(context));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: () => undefined, // reportFailure writes the one line
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportFailure(error, terminal);
  }
}
