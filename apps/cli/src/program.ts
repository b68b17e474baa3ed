import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { commands } from './commands/index.ts';
import { ExitCode, reportFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return String((manifest as { version: string }).version);
}

/**
 * Runs `latte` with the arguments after the program's name. Returns the exit code: 0, 1 for a failure, 2 for bad usage
 * or input, 130 after Ctrl-C; `verify` has a 3 of its own. Never throws.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = ExitCode.success;
  const context = { ...terminal, setExitCode: (code: number) => void (exitCode = code) };
  const program = new Command('latte')
    .description('Generate pictures from text, describe pictures, inspect and verify LaTtE-Flow models.')
    .version(version());
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
