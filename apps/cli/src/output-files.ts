import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, extname, format, parse, resolve } from 'node:path';

import { describeValue, LatteFlowError, refuseArgument } from '@latte-flow/core';

import type { CommandName } from './options.ts';

/** The files of `count` pictures: the name itself, or name-0.png, name-1.png, … */
export function outputFiles(file: string, count: number): string[] {
  if (count === 1) return [file];
  const { dir, name, ext } = parse(file);
  return Array.from({ length: count }, (_, i) => format({ dir, name: `${name}-${i}`, ext }));
}

/** What a file is for: the command, its option and the ending of the name. */
export interface OutputKind {
  readonly where: CommandName;
  readonly option: string;
  readonly ending: `.${string}`;
}

/** @throws LatteFlowError `file-not-writable` */
export function refuseFile(
  file: string,
  { where, option, got, cause }: OutputKind & { got: string; cause?: unknown },
): never {
  throw new LatteFlowError('file-not-writable', {
    where,
    expected: `to write ${file}`,
    got,
    remedy: `Choose another file with ${option}.`,
    data: { file },
    cause,
  });
}

/**
 * Refuses a place that cannot be written to before any work: the first folder above it that exists must be writable.
 * @throws LatteFlowError `file-not-writable`, or `invalid-argument` for another ending
 */
export async function requireWritable(file: string, kind: OutputKind): Promise<void> {
  const { where, option, ending } = kind;
  if (extname(file).toLowerCase() !== ending) {
    refuseArgument({
      where,
      expected: `${option} to name a ${ending} file`,
      got: describeValue(file),
      remedy: `That is what is written: end the name in ${ending}.`,
    });
  }
  const target = await stat(file).catch(() => undefined);
  if (target?.isDirectory()) refuseFile(file, { ...kind, got: 'a folder of that name' });
  for (let folder = dirname(resolve(file)); ; folder = dirname(folder)) {
    const found = await stat(folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined;
      return refuseFile(file, { ...kind, got: cause.message, cause });
    });
    if (found === undefined) continue;
    if (!found.isDirectory()) refuseFile(file, { ...kind, got: `${folder}, which is no folder` });
    await access(folder, constants.W_OK).catch((cause: Error) =>
      refuseFile(file, { ...kind, got: cause.message, cause }),
    );
    return;
  }
}
