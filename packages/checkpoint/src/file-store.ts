import { describeValue, refuseArgument, requirePositive, throwIfAborted } from '@latte-flow/core';

import { isInnerPath, type FileReader, type ReadOptions } from './file-reader.ts';
import { folderStore, pathExists } from './folder-store.ts';
import { httpStore } from './http-store.ts';
import { isHubId } from './hub/hub-id.ts';
import type { HubOptions } from './hub/hub-settings.ts';
import { memoryFile, type RangedFile, type RangeOptions } from './ranged-file.ts';

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
  /**
   * Opens a file for reading by range; the caller closes it. Where a store has no `open`, files are read whole.
   * @throws LatteFlowError as `read`
   */
  open?(path: string, options?: RangeOptions): Promise<RangedFile>;
}

/** `stallTimeout` holds over HTTP, the others for models of the Hub. */
export interface OpenFileStoreOptions extends HubOptions {}

function requireInnerPath(where: string, path: string): void {
  if (isInnerPath(path)) return;
  refuseArgument({
    where,
    expected: 'a relative path inside the folder, with forward slashes',
    got: describeValue(path),
    remedy: 'Name a file like model.safetensors or vae/config.json.',
  });
}

/** The Hub's code is loaded where it is used. */
async function hubReaderOf(id: string, options: HubOptions): Promise<FileReader> {
  const { hubReader } = await import('./hub/hub-reader.ts');
  return hubReader(id, options);
}

async function readerOf(location: string, options: OpenFileStoreOptions): Promise<FileReader> {
  const { stallTimeout = 60_000 } = options;
  requirePositive('openFileStore', 'stallTimeout', stallTimeout);
  if (/^https?:\/\//i.test(location)) return httpStore(location, { stallTimeout });
  if (isHubId(location) && !(await pathExists(location))) return hubReaderOf(location, options);
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(location) || /^file:/i.test(location)) return folderStore(location);
  return refuseArgument({
    where: 'openFileStore',
    expected: 'a path, a file: URL, an http(s) URL or the name of a model on the Hub, owner/name',
    got: describeValue(location),
    remedy: 'Download the folder and pass its path.',
  });
}

/** A store over a reader: refuses paths that leave the folder, and heeds an abort before any work. */
export function storeOf(location: string, reader: FileReader): Required<FileStore> {
  return {
    location,
    async read(path, options = {}) {
      requireInnerPath('FileStore.read', path);
      throwIfAborted(options.signal);
      return reader.read(path, options);
    },
    async open(path, options = {}) {
      requireInnerPath('FileStore.open', path);
      throwIfAborted(options.signal);
      return reader.open(path, options);
    },
    async exists(path) {
      requireInnerPath('FileStore.exists', path);
      return reader.exists(path);
    },
  };
}

/**
 * Opens a folder for reading: a path or file: URL in Node, an http(s) URL anywhere, or `owner/name`, a model on the
 * Hugging Face Hub (where no such path exists), which is brought into the cache first.
 * @throws LatteFlowError `file-not-found` if the path is no folder, `invalid-argument` for other kinds of location,
 * `unsupported` for a path outside Node; for a model on the Hub what `openHubStore` of `/hub` throws
 */
export async function openFileStore(
  location: string,
  options: OpenFileStoreOptions = {},
): Promise<Required<FileStore>> {
  return storeOf(location, await readerOf(location, options));
}

/** The part of a store below a folder. */
export function subfolderOf(store: FileStore, folder: string): FileStore {
  const inner = (path: string): string => `${folder}/${path}`;
  return {
    location: `${store.location}/${folder}`,
    read: (path, options) => store.read(inner(path), options),
    exists: (path) => store.exists(inner(path)),
    open: (path, options) => openRanged(store, inner(path), options),
  };
}

/** Opens a file of any store; of one without `open` it is read whole. */
export async function openRanged(store: FileStore, path: string, options: RangeOptions = {}): Promise<RangedFile> {
  return store.open === undefined ? memoryFile(await store.read(path, options), path) : store.open(path, options);
}
