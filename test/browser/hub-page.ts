import type { Progress } from '@latte-flow/core';
import { openHubStore, type HubOptions } from '@latte-flow/checkpoint/hub';

export interface HubTask extends Pick<HubOptions, 'endpoint' | 'cacheDir' | 'localFilesOnly' | 'revision'> {
  readonly id: string;
  /** The file to read. */
  readonly path: string;
  /** Aborts when so many bytes of the file have come. */
  readonly abortAt?: number;
}

export interface HubResult {
  readonly size: number;
  /** SHA-256 by the browser's own crypto. */
  readonly sha256: string;
  /** Four bytes from the middle, read by range. */
  readonly middle: readonly number[];
  readonly last: Progress | undefined;
}

/** What a page does with a model of the Hub. */
export async function readFromHub({ id, path, abortAt = Infinity, ...options }: HubTask): Promise<HubResult> {
  const controller = new AbortController();
  let last: Progress | undefined;
  const store = await openHubStore(id, {
    ...options,
    retryDelay: 5,
    signal: controller.signal,
    onProgress(progress) {
      last = progress;
      if (progress.file?.path === path && progress.file.loaded >= abortAt) controller.abort(new Error('enough'));
    },
  });
  const bytes = await store.read(path);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  const file = await store.open(path);
  const middle = new Uint8Array(4);
  await file.readInto(middle, Math.floor(file.size / 2));
  await file.close();
  return {
    size: bytes.length,
    sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    middle: [...middle],
    last,
  };
}

Object.assign(globalThis, { readFromHub });
