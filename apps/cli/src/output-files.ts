import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, extname, format, parse, resolve } from 'node:path';

import { describeValue, LatteFlowError, refuseArgument } from '@latte-flow/core';

/** The files of `count` pictures: the name itself, or name-0.png, name-1.png, … */
export function outputFiles(file: string, count: number): string[] {
  if (count === 1) return [file];
  const { dir, name, ext } = parse(file);
  return Array.from({ length: count }, (_, i) => format({ dir, name: `${name}-${i}`, ext }));
}

function refuseFile(file: string, got: string, cause?: unknown): never {
  throw new LatteFlowError('file-not-writable', {
    where: 'latte generate',
    expected: `to write ${file}`,
    got,
    remedy: 'Choose another file with -o.',
    data: { file },
    cause,
  });
}

/**
 * Refuses a place that cannot be written to before any work: the first folder above it that exists must be writable.
 * @throws LatteFlowError `file-not-writable`, or `invalid-argument` for an ending other than .png
 */
export async function requireWritable(file: string): Promise<void> {
  if (extname(file).toLowerCase() !== '.png') {
    refuseArgument({
      where: 'latte generate',
      expected: '-o to name a .png file',
      got: describeValue(file),
      remedy: 'Pictures are written as PNG: end the name in .png.',
    });
  }
  const target = await stat(file).catch(() => undefined);
  if (target?.isDirectory()) refuseFile(file, 'a folder of that name');
  for (let folder = dirname(resolve(file)); ; folder = dirname(folder)) {
    const found = await stat(folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined;
      return refuseFile(file, cause.message, cause);
    });
    if (found === undefined) continue;
    if (!found.isDirectory()) refuseFile(file, `${folder}, which is no folder`);
    await access(folder, constants.W_OK).catch((cause: Error) => refuseFile(file, cause.message, cause));
    return;
  }
}
