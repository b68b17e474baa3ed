import { LatteFlowError } from '@latte-flow/core';

import { blobReader } from '../blob-file.ts';
import type { FileReader } from '../file-reader.ts';
import { webHasher } from './content-hash.ts';
import type { HubFile, HubSnapshot } from './list-snapshot.ts';
import type { PartialFile, SnapshotCache } from './snapshot-cache.ts';

const DEFAULT_NAME = 'latte-flow-hub';
/** A blob lies in entries of this size, so that what has come survives a closed page, and nothing is stored twice. */
const PART_BYTES = 16 * 2 ** 20;

/** Adds what the browser says where it stores nothing more. */
async function put(cache: Cache, url: string, body: BodyInit): Promise<void> {
  try {
    await cache.put(url, new Response(body));
  } catch (cause) {
    throw new LatteFlowError('file-not-writable', {
      where: 'openHubStore',
      expected: 'room in the Cache API',
      got: cause instanceof Error ? cause.message : 'a failure',
      remedy: 'Free storage of this site, or ask for more with navigator.storage.persist().',
      data: { url },
      cause,
    });
  }
}

/** The parts of a blob that are stored, and the bytes behind the last whole one. */
class CachedPartial implements PartialFile {
  readonly #cache: Cache;
  readonly #partUrl: (index: number) => string;
  readonly #tail = new Uint8Array(PART_BYTES);
  #whole = 0;
  #filled = 0;

  constructor(cache: Cache, partUrl: (index: number) => string) {
    this.#cache = cache;
    this.#partUrl = partUrl;
  }

  async open(): Promise<this> {
    for (;;) {
      const part = await (await this.#cache.match(this.#partUrl(this.#whole)))?.blob();
      if (part?.size !== PART_BYTES) {
        if (part !== undefined && part.size < PART_BYTES) {
          this.#tail.set(new Uint8Array(await part.arrayBuffer()));
          this.#filled = part.size;
        }
        return this;
      }
      this.#whole++;
    }
  }

  get size(): number {
    return this.#whole * PART_BYTES + this.#filled;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    for (let i = 0; i < this.#whole; i++) {
      const part = await this.#cache.match(this.#partUrl(i));
      if (part === undefined) throw new DOMException('A stored part is gone: try again', 'NotFoundError');
      yield new Uint8Array(await part.arrayBuffer());
    }
    yield this.#tail.slice(0, this.#filled);
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let begin = 0; begin < bytes.length;) {
      const taken = Math.min(bytes.length - begin, PART_BYTES - this.#filled);
      this.#tail.set(bytes.subarray(begin, begin + taken), this.#filled);
      this.#filled += taken;
      begin += taken;
      if (this.#filled < PART_BYTES) continue;
      await put(this.#cache, this.#partUrl(this.#whole), this.#tail);
      this.#whole++;
      this.#filled = 0;
    }
  }

  async clear(): Promise<void> {
    for (let i = this.#whole; i >= 0; i--) await this.#cache.delete(this.#partUrl(i));
    this.#whole = 0;
    this.#filled = 0;
  }

  /** Stores what is not a whole part yet. */
  async flush(): Promise<void> {
    if (this.#filled > 0) await put(this.#cache, this.#partUrl(this.#whole), this.#tail.slice(0, this.#filled));
  }
}

/**
 * The cache of one model in the browser's Cache API. A blob is parts of 16 MiB and, once it is proven, an entry that
 * says it is finished. The keys are URLs that nobody asks for.
 * @throws LatteFlowError `unsupported` in a page that has no caches
 */
export async function browserCache(id: string, name = DEFAULT_NAME): Promise<SnapshotCache> {
  if (globalThis.caches === undefined) {
    throw new LatteFlowError('unsupported', {
      where: 'openHubStore',
      expected: 'a page with the Cache API',
      got: 'none',
      remedy: 'Serve the page over https or from localhost.',
    });
  }
  const cache = await caches.open(name);
  const base = `https://hub.invalid/${id}`;
  const finishedUrl = ({ hash }: HubFile): string => `${base}/blobs/${hash}`;
  const partUrl =
    ({ hash }: HubFile) =>
    (index: number): string =>
      `${base}/blobs/${hash}?part=${index}`;
  const revisionUrl = (revision: string): string => `${base}/refs/${encodeURIComponent(revision)}`;
  const isFinished = async (file: HubFile): Promise<boolean> => (await cache.match(finishedUrl(file))) !== undefined;

  /** Of disk-backed parts: reading a range reads no more than that. */
  async function blobOf(file: HubFile): Promise<Blob | undefined> {
    if (!(await isFinished(file))) return undefined;
    const count = Math.ceil(file.size / PART_BYTES);
    const parts = Array.from({ length: count }, async (_, i) => (await cache.match(partUrl(file)(i)))?.blob());
    const blobs = (await Promise.all(parts)).filter((part) => part !== undefined);
    const blob = new Blob(blobs);
    return blob.size === file.size ? blob : undefined;
  }

  async function reader({ files }: HubSnapshot): Promise<FileReader> {
    const found = await Promise.all(files.map(async (file) => [file.path, await blobOf(file)] as const));
    return blobReader(new Map(found.flatMap(([path, blob]) => (blob === undefined ? [] : [[path, blob] as const]))));
  }

  return {
    hasher: webHasher,
    has: async (_, file) => (await blobOf(file)) !== undefined,
    async complete(_, file, { fill, signal }) {
      const download = async (): Promise<void> => {
        if ((await blobOf(file)) !== undefined) return;
        await cache.delete(finishedUrl(file));
        const partial = await new CachedPartial(cache, partUrl(file)).open();
        try {
          await fill(partial);
        } finally {
          await partial.flush();
        }
        await put(cache, finishedUrl(file), String(file.size));
      };
      // One page at a time; `locks` is wherever `caches` are, but in old browsers.
      const locks = globalThis.navigator?.locks as LockManager | undefined;
      if (locks === undefined) return download();
      return locks.request(`${name} ${finishedUrl(file)}`, { signal }, download);
    },
    remember: (revision, snapshot) => put(cache, revisionUrl(revision), JSON.stringify(snapshot)),
    reader,
    async recall(revision) {
      const noted = await cache.match(revisionUrl(revision));
      return noted === undefined ? undefined : ((await noted.json()) as HubSnapshot);
    },
  };
}
