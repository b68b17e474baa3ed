import { LatteFlowError } from '@latte-flow/core';

import type { RangedFile, RangeOptions } from './ranged-file.ts';

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Called with the bytes read so far and, where it is known, the file's size. */
  readonly onBytes?: (loaded: number, total: number | undefined) => void;
}

/** How one kind of location reads; paths have been checked. */
export interface FileReader {
  read(path: string, options: ReadOptions): Promise<Uint8Array>;
  open(path: string, options: RangeOptions): Promise<RangedFile>;
  exists(path: string): Promise<boolean>;
}

/** True for a relative path with forward slashes that stays in its folder. */
export function isInnerPath(path: string): boolean {
  return !/[\\:?#]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The error for a file that is not there or cannot be read. */
export function fileNotFound(
  where: string,
  file: string,
  { cause, remedy }: { cause?: unknown; remedy?: string } = {},
): LatteFlowError {
  return new LatteFlowError('file-not-found', {
    where,
    expected: `a readable file at ${file}`,
    got: cause instanceof Error ? cause.message : 'none',
    remedy: remedy ?? 'Check the location, and that the download is complete.',
    data: { file },
    cause,
  });
}
