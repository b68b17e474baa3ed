import type { RangedFile } from './ranged-file.ts';

/** Most bytes that are asked for beyond what is needed. */
const WINDOW_BYTES = 4 * 2 ** 20;

/**
 * A file whose small reads are served from a window that is read at once, so that the many small tensors of a
 * checkpoint do not cost a round trip each. Reads of a window and more go straight to the file.
 */
export function readAhead(file: RangedFile): RangedFile {
  let window = new Uint8Array(0);
  let start = 0;
  return {
    size: file.size,
    async readInto(target, begin, options) {
      const end = begin + target.length;
      if (target.length >= WINDOW_BYTES || end > file.size) return file.readInto(target, begin, options);
      let [bytes, first] = [window, start];
      if (begin < first || end > first + bytes.length) {
        [bytes, first] = [new Uint8Array(Math.min(WINDOW_BYTES, file.size - begin)), begin];
        await file.readInto(bytes, begin, options);
        [window, start] = [bytes, first];
      }
      target.set(bytes.subarray(begin - first, end - first));
    },
    close() {
      window = new Uint8Array(0);
      return file.close();
    },
  };
}
