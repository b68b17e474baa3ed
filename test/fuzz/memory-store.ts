import type { FileStore } from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';

/**
 * A folder in memory. Reading more of a file than it holds is an error outside the project's family: whoever asks for
 * it has allocated for it already.
 */
export function memoryStore(files: Readonly<Record<string, Uint8Array>>): FileStore {
  const find = (path: string): Uint8Array => {
    const found = Object.hasOwn(files, path) ? files[path] : undefined;
    if (found !== undefined) return found;
    const details = { where: 'memoryStore', expected: path, got: 'none', remedy: 'Add it.' };
    throw new LatteFlowError('file-not-found', details);
  };
  return {
    location: 'memory',
    read: async (path) => find(path).slice(),
    exists: async (path) => Object.hasOwn(files, path),
    async open(path) {
      const bytes = find(path);
      return {
        size: bytes.length,
        async readInto(target, begin) {
          if (begin + target.length > bytes.length) {
            throw new RangeError(`${target.length} bytes at ${begin} of ${path}, which has ${bytes.length}`);
          }
          target.set(bytes.subarray(begin, begin + target.length));
        },
        close: async () => {},
      };
    },
  };
}
