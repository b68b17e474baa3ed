import type { FileHandle } from 'node:fs/promises';

import type { HubFile } from './list-snapshot.ts';
import type { NodeBuiltins } from './node-builtins.ts';
import type { PartialFile } from './snapshot-cache.ts';

/** A part that was not touched for so long has nobody at work on it. */
const ALIVE_MS = 10_000;
const TOUCH_MS = 2_000;
const CHUNK_BYTES = 2 ** 20;
/** The time that marks a part that was left on purpose. */
const LEFT = new Date(0);

export interface ClaimedPartial extends PartialFile {
  /** Puts the finished file in its place. */
  finish(blob: string): Promise<void>;
  /** Leaves the part for the next claim; without effect after `finish`. Removes it if it is empty. */
  release(): Promise<void>;
}

interface FoundPart {
  readonly path: string;
  readonly size: number;
  readonly touched: number;
}

/**
 * Parts of blobs, `<hash>.<8 hex digits>.incomplete`, of which each has one writer: the name is made for a claim and
 * never opened by another, so that two processes cannot mix their bytes, whatever the clock and the file system do. Whether
 * somebody is at work is told from the time of the last change, which the writer renews; if that errs, a file is
 * downloaded twice.
 */
export class NodePartials {
  readonly #folder: string;
  readonly #node: NodeBuiltins;

  constructor(folder: string, node: NodeBuiltins) {
    this.#folder = folder;
    this.#node = node;
  }

  async #find({ hash }: HubFile): Promise<FoundPart[]> {
    const { fs, paths } = this.#node;
    const names = await fs.readdir(this.#folder);
    const parts = names.filter((name) => name.startsWith(`${hash}.`) && name.endsWith('.incomplete'));
    const found = await Promise.all(
      parts.map(async (name) => {
        const path = paths.join(this.#folder, name);
        const stat = await fs.stat(path).catch(() => undefined);
        return stat === undefined ? [] : [{ path, size: stat.size, touched: stat.mtimeMs }];
      }),
    );
    return found.flat();
  }

  /** A part to go on with, the longest that lies idle or an empty one; undefined while somebody is at work. */
  async claim(file: HubFile): Promise<ClaimedPartial | undefined> {
    const { fs, paths, crypto } = this.#node;
    const isAlive = ({ touched }: FoundPart): boolean => Math.abs(Date.now() - touched) < ALIVE_MS;
    await fs.mkdir(this.#folder, { recursive: true });
    const others = await this.#find(file);
    if (others.some(isAlive)) return undefined;
    const own = paths.join(this.#folder, `${file.hash}.${crypto.randomBytes(4).toString('hex')}.incomplete`);
    const idle = others.toSorted((a, b) => b.size - a.size);
    const [longest] = idle;
    if (longest?.touched === LEFT.getTime()) {
      // Only one of those that found it renames it; under its new name it is never seen as left.
      try {
        await fs.utimes(longest.path, new Date(), new Date());
        await fs.rename(longest.path, own);
      } catch {
        return undefined;
      }
    } else if (longest !== undefined) {
      // Its writer was killed, or only stopped: a copy is nobody else's.
      await fs.copyFile(longest.path, own, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
    }
    const handle = await fs.open(own, longest === undefined ? 'wx+' : 'r+');
    const claimed = new OpenPartial(handle, { path: own, node: this.#node, idle: idle.map(({ path }) => path) });
    await claimed.begin();
    // Two that came at the same moment see each other here: both leave, and come again at moments of their own.
    const rivals = (await this.#find(file)).filter((part) => part.path !== own && isAlive(part));
    if (rivals.length === 0) return claimed;
    await claimed.release();
    return undefined;
  }
}

class OpenPartial implements ClaimedPartial {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #idle: readonly string[];
  readonly #node: NodeBuiltins;
  #size = 0;
  #touching: ReturnType<typeof setInterval> | undefined;
  #touched: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(handle: FileHandle, { path, node, idle }: { path: string; node: NodeBuiltins; idle: readonly string[] }) {
    this.#handle = handle;
    this.#path = path;
    this.#node = node;
    this.#idle = idle;
  }

  get size(): number {
    return this.#size;
  }

  async begin(): Promise<void> {
    const touch = () => {
      this.#touched = this.#handle.utimes(new Date(), new Date()).catch(() => {});
    };
    touch();
    await this.#touched;
    this.#touching = setInterval(touch, TOUCH_MS);
    this.#touching.unref();
    this.#size = (await this.#handle.stat()).size;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let begin = 0; begin < this.#size;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(CHUNK_BYTES, this.#size - begin), begin);
      if (bytesRead === 0) throw new Error(`${this.#path} became shorter while it was read`);
      yield buffer.subarray(0, bytesRead);
      begin += bytesRead;
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let begin = 0; begin < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, begin, bytes.length - begin, this.#size);
      begin += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  async clear(): Promise<void> {
    await this.#handle.truncate(0);
    this.#size = 0;
  }

  async finish(blob: string): Promise<void> {
    const { fs } = this.#node;
    // On the disk before it has its name: a crash cannot leave an empty file under it.
    await this.#handle.sync();
    await this.#close();
    await fs.rename(this.#path, blob);
    await Promise.all(this.#idle.map((path) => fs.rm(path, { force: true }).catch(() => {})));
  }

  async release(): Promise<void> {
    if (this.#closed) return;
    const { fs } = this.#node;
    clearInterval(this.#touching);
    await this.#touched;
    if (this.#size > 0) await this.#handle.utimes(LEFT, LEFT).catch(() => {});
    await this.#close();
    if (this.#size === 0) await fs.rm(this.#path, { force: true }).catch(() => {});
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#touching);
    await this.#handle.close().catch(() => {});
  }
}
