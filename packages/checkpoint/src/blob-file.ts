import { throwIfAborted } from '@latte-flow/core';

import { fileNotFound, type FileReader } from './file-reader.ts';
import { fillFromStream, rangeNotRead, rangeText, type RangedFile } from './ranged-file.ts';

/** A Blob as a file that is read by slices: of a `File` on disk, only what is asked for comes to memory. */
export function openBlob(blob: Blob, name = 'a Blob'): RangedFile {
  return {
    size: blob.size,
    async readInto(target, begin, { signal } = {}) {
      throwIfAborted(signal);
      const expected = rangeText(begin, target.length);
      const refuse = (got: string, cause?: unknown) => rangeNotRead(name, { expected, got, cause });
      if (begin + target.length > blob.size) throw refuse(`a Blob of ${blob.size} bytes`);
      const slice = blob.slice(begin, begin + target.length);
      try {
        await fillFromStream(target, slice.stream(), { onBytes: () => throwIfAborted(signal), refuse });
      } catch (cause) {
        if (signal?.aborted) throw signal.reason;
        throw refuse(cause instanceof Error ? cause.message : 'a failure', cause);
      }
    },
    close: async () => {},
  };
}

/** Reads a folder of Blobs, path -> Blob. */
export function blobReader(files: ReadonlyMap<string, Blob>): FileReader {
  return {
    async read(path, { onBytes }) {
      const blob = files.get(path);
      if (blob === undefined) throw fileNotFound('FileStore.read', path);
      const bytes = new Uint8Array(await blob.arrayBuffer());
      onBytes?.(bytes.length, bytes.length);
      return bytes;
    },
    async open(path) {
      const blob = files.get(path);
      if (blob === undefined) throw fileNotFound('FileStore.open', path);
      return openBlob(blob, path);
    },
    exists: async (path) => files.has(path),
  };
}
