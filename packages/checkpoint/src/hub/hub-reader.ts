import { LatteFlowError } from '@latte-flow/core';

import { isInnerPath, type FileReader } from '../file-reader.ts';
import { browserCache } from './browser-cache.ts';
import { DownloadProgress } from './download-progress.ts';
import { hubSettings, type HubOptions, type HubSettings } from './hub-settings.ts';
import { listSnapshot, type HubFile, type HubSnapshot } from './list-snapshot.ts';
import { neededFiles } from './needed-files.ts';
import { nodeBuiltins } from './node-builtins.ts';
import { nodeCache } from './node-cache.ts';
import type { SnapshotCache } from './snapshot-cache.ts';
import { transfer } from './transfer.ts';

/** Files that come at the same time. */
const AT_ONCE = 4;

async function openCache({ id, cacheDir }: HubSettings): Promise<SnapshotCache> {
  const node = nodeBuiltins();
  return node === undefined ? browserCache(id, cacheDir) : nodeCache(id, cacheDir, node);
}

/** Runs `task` on all items, a few at once; the first failure stops the others, and is thrown when all have ended. */
async function forAll<T>(
  items: readonly T[],
  { task, signal }: { task: (item: T, signal: AbortSignal) => Promise<void>; signal?: AbortSignal },
): Promise<void> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      either.throwIfAborted();
      await task(item, either);
    }
  };
  const failures: unknown[] = [];
  const workers = Array.from({ length: AT_ONCE }, () =>
    worker().catch((error: unknown) => {
      failures.push(error);
      stop.abort(error);
    }),
  );
  await Promise.all(workers);
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

class SnapshotDownload {
  readonly #settings: HubSettings;
  readonly #cache: SnapshotCache;
  readonly #snapshot: HubSnapshot;

  constructor(settings: HubSettings, cache: SnapshotCache, snapshot: HubSnapshot) {
    this.#settings = settings;
    this.#cache = cache;
    this.#snapshot = snapshot;
  }

  async run(): Promise<HubSnapshot> {
    const { files, signal, onProgress } = this.#settings;
    const listed = this.#snapshot.files;
    const needed =
      files === undefined
        ? await neededFiles(listed, (index) => this.#shardsOf(index))
        : listed.filter(({ path }) => files(path));
    const progress = new DownloadProgress(needed, onProgress);
    await forAll(needed, { task: (file, either) => this.#bring(file, progress, either), signal });
    return { ...this.#snapshot, files: needed };
  }

  async #bring(file: HubFile, progress: DownloadProgress | undefined, signal?: AbortSignal): Promise<void> {
    const [cache, snapshot] = [this.#cache, this.#snapshot];
    const settings = { ...this.#settings, signal };
    const { hasher } = cache;
    const onBytes = (loaded: number) => progress?.report(file, loaded);
    if (!(await cache.has(snapshot, file))) {
      const fill = (partial: Parameters<typeof transfer>[1]) =>
        transfer(file, partial, { snapshot, settings, hasher, onBytes });
      await cache.complete(snapshot, file, { fill, signal });
    }
    onBytes(file.size);
  }

  /** What is wrong with an index is for the reader of the weights to say; here it names no shards. */
  async #shardsOf(index: HubFile): Promise<readonly string[]> {
    const { signal } = this.#settings;
    await this.#bring(index, undefined, signal);
    const reader = await this.#cache.reader({ ...this.#snapshot, files: [index] });
    const json = new TextDecoder().decode(await reader.read(index.path, { signal }));
    try {
      const { weight_map: map } = JSON.parse(json) as { weight_map: Readonly<Record<string, unknown>> };
      return [...new Set(Object.values(map))].filter(
        (name) => typeof name === 'string' && isInnerPath(name),
      ) as string[];
    } catch {
      return [];
    }
  }
}

/** Brings what is needed of a model on the Hub into the cache, or finds it there. */
async function bringSnapshot(id: string, options: HubOptions) {
  const settings = hubSettings(id, options);
  const { signal, revision, localFilesOnly } = settings;
  signal?.throwIfAborted();
  const cache = await openCache(settings);
  if (!localFilesOnly) {
    const snapshot = await new SnapshotDownload(settings, cache, await listSnapshot(settings)).run();
    await cache.remember(revision, snapshot);
    return { cache, snapshot };
  }
  const snapshot = await cache.recall(revision);
  if (snapshot !== undefined) return { cache, snapshot };
  throw new LatteFlowError('file-not-found', {
    where: 'openHubStore',
    expected: `${id} (revision ${revision}) in the cache`,
    got: 'none',
    remedy: 'Load it once with a connection, without localFilesOnly and HF_HUB_OFFLINE.',
    data: { id, revision },
  });
}

/** Brings what is needed of a model on the Hub into the cache, and gives what reads it from there. */
export async function hubReader(id: string, options: HubOptions = {}): Promise<FileReader> {
  const { cache, snapshot } = await bringSnapshot(id, options);
  return cache.reader(snapshot);
}

/**
 * Brings what is needed of a model on the Hub into the cache, for programs that want files. Node only.
 *
 * @returns the path of the snapshot's folder, which is the cache's: read it, and never write there
 * @throws LatteFlowError as `openHubStore`; `unsupported` outside Node
 */
export async function downloadModel(id: string, options: HubOptions = {}): Promise<string> {
  if (nodeBuiltins() === undefined) {
    throw new LatteFlowError('unsupported', {
      where: 'downloadModel',
      expected: 'to run in Node',
      got: 'another place',
      remedy: 'Read the files with openHubStore.',
    });
  }
  const { cache, snapshot } = await bringSnapshot(id, options);
  return cache.folder!(snapshot);
}
