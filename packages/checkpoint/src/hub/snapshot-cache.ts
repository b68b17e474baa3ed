import type { FileReader } from '../file-reader.ts';
import type { ContentHasher } from './content-hash.ts';
import type { HubFile, HubSnapshot } from './list-snapshot.ts';

/** The part of a file that has come, which belongs to one download alone. */
export interface PartialFile {
  /** Bytes that it holds. */
  readonly size: number;
  /** What it holds, from the beginning. */
  chunks(): AsyncIterable<Uint8Array>;
  append(bytes: Uint8Array): Promise<void>;
  /** Throws away what it holds. */
  clear(): Promise<void>;
}

/** Where the files of one model are kept. Only what was proven whole is ever called finished. */
export interface SnapshotCache {
  readonly hasher: ContentHasher;
  /** True if the file is here, finished; it is then part of the snapshot. */
  has(snapshot: HubSnapshot, file: HubFile): Promise<boolean>;
  /**
   * Has `fill` complete the part of the file that has come, and calls it finished when that resolves. If it throws,
   * the part stays for the next time. If another process or page is at it, waits; `fill` is then not called.
   */
  complete(
    snapshot: HubSnapshot,
    file: HubFile,
    options: { readonly fill: (partial: PartialFile) => Promise<void>; readonly signal?: AbortSignal },
  ): Promise<void>;
  /** Notes that the revision is this commit, of which all that is needed is here. */
  remember(revision: string, snapshot: HubSnapshot): Promise<void>;
  /** Reads the finished files of a snapshot. */
  reader(snapshot: HubSnapshot): Promise<FileReader>;
  /** What is remembered of a revision; undefined if that is nothing. */
  recall(revision: string): Promise<HubSnapshot | undefined>;
  /** The path of a snapshot, where it is a folder. */
  folder?(snapshot: HubSnapshot): string;
}
