import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { LatteFlowError } from '@latte-flow/core';
import { exportTuning, importTuning } from '@latte-flow/ops';

import { say, type Terminal } from './terminal.ts';

/** Where the choices of `latte tune` are kept: in the user's cache folder; undefined for a user without one. */
export function tuningFile({ env }: Pick<Terminal, 'env'>): string | undefined {
  const cache = env['XDG_CACHE_HOME'] || (env['HOME'] && join(env['HOME'], '.cache'));
  return cache ? join(cache, 'latte-flow', 'tuning.json') : undefined;
}

/** Uses what was tuned before, if anything. A file that cannot be read is a warning: everything works without it. */
export async function loadTuning(terminal: Terminal): Promise<void> {
  const file = tuningFile(terminal);
  if (file === undefined) return;
  try {
    importTuning(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    say(terminal, `warning: ${file} passed over: ${(error as Error).message}`);
  }
}

/**
 * Keeps everything that is tuned in this process for the next, in one step.
 * @throws LatteFlowError `file-not-writable`
 */
export async function saveTuning(terminal: Terminal): Promise<string> {
  const file = tuningFile(terminal);
  try {
    if (file === undefined) throw new Error('neither XDG_CACHE_HOME nor HOME in the environment');
    await mkdir(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}.tmp`;
    await writeFile(temporary, `${JSON.stringify(exportTuning(), undefined, 1)}\n`);
    await rename(temporary, file);
    return file;
  } catch (cause) {
    throw new LatteFlowError('file-not-writable', {
      where: 'latte tune',
      expected: 'a cache folder that can be written',
      got: (cause as Error).message,
      remedy: 'Name one by XDG_CACHE_HOME.',
      cause,
    });
  }
}
