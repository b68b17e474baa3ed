import { describeValue, LatteFlowError, throwIfAborted } from '@latte-flow/core';

import { fileNotFound, type FileReader } from './file-reader.ts';
import { rangeNotRead, rangeText } from './ranged-file.ts';

/** Bytes read at a time, so that large files report progress and heed an abort. */
const CHUNK_BYTES = 64 * 2 ** 20;

/** Node's modules without an import that a browser's bundler would have to resolve. */
function nodeModules(location: string) {
  const builtin = globalThis.process?.getBuiltinModule?.bind(globalThis.process);
  const [fs, path, url] = [builtin?.('node:fs/promises'), builtin?.('node:path'), builtin?.('node:url')];
  if (fs !== undefined && path !== undefined && url !== undefined) return { fs, path, url };
  throw new LatteFlowError('unsupported', {
    where: 'openFileStore',
    expected: 'an http(s) URL outside Node',
    got: describeValue(location),
    remedy: 'Serve the folder and pass its URL, e.g. new URL("models/emoji", document.baseURI).href.',
  });
}

/** True if there is a file or folder of that name; false outside Node. */
export async function pathExists(path: string): Promise<boolean> {
  const stat = globalThis.process?.getBuiltinModule?.('node:fs/promises')?.stat(path);
  if (stat === undefined) return false;
  return stat.then(
    () => true,
    () => false,
  );
}

/** Files in a folder on disk: a path or a file: URL. */
export async function folderStore(location: string): Promise<FileReader> {
  const { fs, path: paths, url } = nodeModules(location);
  const folder = paths.resolve(/^file:/i.test(location) ? url.fileURLToPath(location) : location);
  const isFolder = await fs
    .stat(folder)
    .then((stat) => stat.isDirectory())
    .catch(() => false);
  if (!isFolder) {
    throw new LatteFlowError('file-not-found', {
      where: 'openFileStore',
      expected: 'a folder',
      got: describeValue(location),
      remedy: 'Pass the folder that holds config.json and the weights.',
      data: { location },
    });
  }
  return {
    async read(path, { signal, onBytes }) {
      const file = paths.join(folder, path);
      const handle = await fs.open(file).catch((cause: unknown) => {
        throw fileNotFound('FileStore.read', file, { cause });
      });
      try {
        const { size } = await handle.stat();
        const bytes = new Uint8Array(size);
        for (let loaded = 0; loaded < size;) {
          throwIfAborted(signal);
          const { bytesRead } = await handle.read(bytes, loaded, Math.min(CHUNK_BYTES, size - loaded), loaded);
          if (bytesRead === 0) return bytes.subarray(0, loaded);
          loaded += bytesRead;
          onBytes?.(loaded, size);
        }
        return bytes;
      } catch (cause) {
        if (signal?.aborted) throw signal.reason;
        throw fileNotFound('FileStore.read', file, { cause });
      } finally {
        await handle.close();
      }
    },
    async open(path) {
      const file = paths.join(folder, path);
      const handle = await fs.open(file).catch((cause: unknown) => {
        throw fileNotFound('FileStore.open', file, { cause });
      });
      const stat = await handle.stat();
      if (!stat.isFile()) {
        await handle.close();
        throw fileNotFound('FileStore.open', file, { cause: new Error('no file') });
      }
      return {
        size: stat.size,
        async readInto(target, begin, { signal } = {}) {
          const refuse = (got: string, cause?: unknown) =>
            rangeNotRead(file, { expected: rangeText(begin, target.length), got, cause });
          for (let filled = 0; filled < target.length;) {
            throwIfAborted(signal);
            const length = Math.min(CHUNK_BYTES, target.length - filled);
            const { bytesRead } = await handle.read(target, filled, length, begin + filled).catch((cause: Error) => {
              throw refuse(cause.message, cause);
            });
            if (bytesRead === 0) throw refuse(`a file that ends at ${begin + filled}`);
            filled += bytesRead;
          }
        },
        close: () => handle.close(),
      };
    },
    async exists(path) {
      return fs
        .stat(paths.join(folder, path))
        .then((stat) => stat.isFile())
        .catch(() => false);
    },
  };
}
