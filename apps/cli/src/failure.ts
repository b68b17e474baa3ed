import { isAbort, LatteFlowError, type ErrorCode } from '@latte-flow/core';
import { CommanderError } from 'commander';

import { say, type Terminal } from './terminal.ts';

export const ExitCode = { success: 0, failure: 1, badInput: 2, interrupted: 130 } as const;

/** Errors of the family that are neither the input's fault nor the user's. */
const FAILURES: ReadonlySet<ErrorCode> = new Set(['training-diverged', 'disposed']);
/** What the operating system says where the machine, not the path, is at fault. */
const MACHINE_FAULTS: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);

function systemCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function exitCodeOf(error: unknown): number {
  if (!LatteFlowError.isInstance(error)) return ExitCode.failure;
  const isMachine = MACHINE_FAULTS.has(systemCode(error.cause));
  return error.isEnvironmental || isMachine || FAILURES.has(error.code) ? ExitCode.failure : ExitCode.badInput;
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').trim();

/** Reports what a command threw as one line on stderr, and returns the exit code. */
export function reportFailure(error: unknown, terminal: Terminal): number {
  if (isAbort(error, terminal.signal)) {
    say(terminal, 'latte: interrupted');
    return ExitCode.interrupted;
  }
  if (error instanceof CommanderError) {
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return ExitCode.success;
    // Without a command, commander has shown the help instead of a message.
    if (error.code !== 'commander.help') say(terminal, `${oneLine(error.message)}. See latte --help.`);
    return ExitCode.badInput;
  }
  const message = error instanceof Error ? error.message : String(error);
  const known = LatteFlowError.isInstance(error);
  say(terminal, `error: ${oneLine(known ? message : `latte failed: ${message}. LATTE_DEBUG=1 shows where.`)}`);
  if (terminal.env['LATTE_DEBUG'] === '1' && error instanceof Error) say(terminal, error.stack ?? '');
  return exitCodeOf(error);
}
