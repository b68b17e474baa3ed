import { describeValue, refuseArgument, throwIfAborted } from '@latte-flow/core';

import { isInnerPath, type FileReader, type ReadOptions } from './file-reader.ts';
import { folderStore } from './folder-store.ts';
import { httpStore } from './http-store.ts';

/** A folder of files, wherever it lies. Paths are relative, with forward slashes. */
export interface FileStore {
  /** What `openFileStore` was given. */
  readonly location: string;
  /**
   * @throws LatteFlowError `file-not-found` if there is no such file or it cannot be read, `invalid-argument` if the
   * path leaves the folder; the signal's reason on abort.
   */
  read(path: string, options?: ReadOptions): Promise<Uint8Array>;
  exists(path: string): Promise<boolean>;
}

function requireInnerPath(where: string, path: string): void {
  if (isInnerPath(path)) return;
  refuseArgument({
    where,
    expected: 'a relative path inside the folder, with forward slashes',
    got: describeValue(path),
    remedy: 'Name a file like model.safetensors or vae/config.json.',
  });
}

async function readerOf(location: string): Promise<FileReader> {
  if (/^https?:\/\//i.test(location)) return httpStore(location);
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(location) || /^file:/i.test(location)) return folderStore(location);
  return refuseArgument({
    where: 'openFileStore',
    expected: 'a path, a file: URL or an http(s) URL',
    got: describeValue(location),
    remedy: 'Download the folder and pass its path.',
  });
}

/**
 * Opens a folder for reading: a path or file: URL in Node, an http(s) URL anywhere.
 * @throws LatteFlowError `file-not-found` if the path is no folder, `invalid-argument` for other kinds of location,
 * `unsupported` for a path outside Node.
 */
export async function openFileStore(location: string): Promise<FileStore> {
  const reader = await readerOf(location);
  return {
    location,
    async read(path, options = {}) {
      requireInnerPath('FileStore.read', path);
      throwIfAborted(options.signal);
      return reader.read(path, options);
    },
    async exists(path) {
      requireInnerPath('FileStore.exists', path);
      return reader.exists(path);
    },
  };
}
