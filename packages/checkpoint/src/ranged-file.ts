import { LatteFlowError, throwIfAborted } from '@latte-flow/core';

export interface RangeOptions {
  readonly signal?: AbortSignal;
}

/** An open file that is read by range, straight into the caller's memory. */
export interface RangedFile {
  /** In bytes. */
  readonly size: number;
  /**
   * Fills `target` with the file's bytes from `begin` on.
   * @throws LatteFlowError `file-not-found` if the file cannot be read or ends before; the signal's reason on abort
   */
  readInto(target: Uint8Array, begin: number, options?: RangeOptions): Promise<void>;
  close(): Promise<void>;
}

/** The error for bytes that a file did not give. */
export function rangeNotRead(
  file: string,
  { expected, got, remedy, cause }: { expected: string; got: string; remedy?: string; cause?: unknown },
): LatteFlowError {
  return new LatteFlowError('file-not-found', {
    where: 'RangedFile.readInto',
    expected: `${expected} of ${file}`,
    got,
    remedy: remedy ?? 'Check that the download is complete, and that nothing changes the file while it is read.',
    data: { file },
    cause,
  });
}

export const rangeText = (begin: number, length: number): string => `bytes [${begin}, ${begin + length})`;

/** Bytes in memory as a file. They are borrowed. */
export function memoryFile(bytes: Uint8Array, name: string): RangedFile {
  return {
    size: bytes.length,
    async readInto(target, begin, { signal } = {}) {
      throwIfAborted(signal);
      const part = bytes.subarray(begin, begin + target.length);
      if (part.length < target.length) {
        throw rangeNotRead(name, { expected: rangeText(begin, target.length), got: `a file of ${bytes.length} bytes` });
      }
      target.set(part);
    },
    close: async () => {},
  };
}

/** Fills `target` from a stream; `refuse` makes the error where the stream is shorter or longer. */
export async function fillFromStream(
  target: Uint8Array,
  stream: ReadableStream<Uint8Array>,
  { onBytes, refuse }: { onBytes?: () => void; refuse: (got: string) => Error },
): Promise<void> {
  const reader = stream.getReader();
  let filled = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    onBytes?.();
    if (filled + part.value.length > target.length) {
      await reader.cancel();
      throw refuse('more bytes');
    }
    target.set(part.value, filled);
    filled += part.value.length;
  }
  if (filled < target.length) throw refuse(`${filled} bytes`);
}
