import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { describeValue, LatteFlowError, refuseArgument, throwIfAborted } from '@latte-flow/core';

import type { WriteAt } from '../convert-weights.ts';
import { isInnerPath } from '../file-reader.ts';

/** What is written: bytes, text in UTF-8, or a function that writes bytes to their places. */
export type FileContent = Uint8Array | string | ((write: WriteAt) => Promise<void>);

/** The system writes at most 2 GB at once. */
const CHUNK_BYTES = 2 ** 30;

export interface WriteOptions {
  readonly signal?: AbortSignal;
}

function notWritable(where: string, target: string, cause: unknown): LatteFlowError {
  return new LatteFlowError('file-not-writable', {
    where,
    expected: `to write ${target}`,
    got: cause instanceof Error ? cause.message : String(cause),
    remedy: 'Check that the folder exists, is writable and has room.',
    data: { file: target },
    cause,
  });
}

/** On the disk before the rename, so that a crash cannot leave an empty file under the final name. */
async function writeSynced(file: string, content: FileContent): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    if (typeof content === 'function') {
      await content(async (bytes, position) => {
        for (let written = 0; written < bytes.length;) {
          const rest = bytes.subarray(written);
          written += (await handle.write(rest, 0, Math.min(rest.length, CHUNK_BYTES), position + written)).bytesWritten;
        }
      });
    } else {
      await handle.writeFile(content);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes one file atomically: to a temporary name in the same folder, then renamed. A reader sees the old content or
 * the new, never a part; on failure nothing is left behind. The folder is made if it is missing.
 * @throws LatteFlowError `file-not-writable`
 */
export async function writeFile(path: string, content: FileContent): Promise<void> {
  const target = resolve(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await writeSynced(temporary, content);
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw notWritable('writeFile', target, cause);
  }
}

/** Puts the finished folder in the target's place; the folder that was there goes only when the new one stands. */
async function swapIn(finished: string, target: string): Promise<void> {
  const previous = `${finished}.previous`;
  const replaced = await rename(target, previous).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return false;
      throw cause;
    },
  );
  try {
    await rename(finished, target);
  } catch (cause) {
    if (replaced) await rename(previous, target);
    throw cause;
  }
  if (replaced) await rm(previous, { recursive: true, force: true });
}

/**
 * Writes a folder as a whole: every file goes to a temporary folder beside it, which is then renamed. An existing
 * folder of that name is replaced, with everything in it. On failure or abort the old folder stays as it was.
 *
 * @param files relative path (forward slashes) -> content.
 * @throws LatteFlowError `file-not-writable`, `invalid-argument` if a path leaves the folder; what a function that writes
 * throws of this kind; the signal's reason.
 */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, FileContent>> | ReadonlyMap<string, FileContent>,
  { signal }: WriteOptions = {},
): Promise<void> {
  const entries = files instanceof Map ? [...files] : Object.entries(files);
  for (const [path] of entries) {
    if (isInnerPath(path)) continue;
    refuseArgument({
      where: 'writeFolder',
      expected: 'relative paths with forward slashes',
      got: describeValue(path),
      remedy: 'Name files like model.safetensors or vae/config.json.',
    });
  }
  const target = resolve(folder);
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    for (const [path, content] of entries) {
      throwIfAborted(signal);
      const file = join(temporary, path);
      await mkdir(dirname(file), { recursive: true });
      await writeSynced(file, content);
    }
    await mkdir(temporary, { recursive: true });
    throwIfAborted(signal);
    await swapIn(temporary, target);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    if (signal?.aborted && cause === signal.reason) throw cause;
    // What a function that writes found wrong with its own work.
    if (LatteFlowError.isInstance(cause)) throw cause;
    throw notWritable('writeFolder', target, cause);
  }
}
