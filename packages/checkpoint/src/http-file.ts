import { fileNotFound } from './file-reader.ts';
import { holdsFile, httpRequest, statusOf } from './http-request.ts';
import {
  fillFromStream,
  memoryFile,
  rangeNotRead,
  rangeText,
  type RangedFile,
  type RangeOptions,
} from './ranged-file.ts';
import { readAhead } from './read-ahead.ts';

interface HttpFileOptions extends RangeOptions {
  readonly stallTimeout: number;
  /** Reads the whole file, where the server knows no ranges. */
  readonly whole: () => Promise<Uint8Array>;
}

const WHERE = 'FileStore.open';
const PARTIAL = 206;
const NOT_SATISFIABLE = 416;

/** `bytes 0-7/1000`: where the part begins and ends (inclusive), and the file's size. */
function parseContentRange(response: Response): { first: number; last: number; size: number } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  const [first, last, size] = match.slice(1).map(Number) as [number, number, number];
  return { first, last, size };
}

const rangeHeader = (begin: number, length: number) => ({ range: `bytes=${begin}-${begin + length - 1}` });

/** The size of the file, or undefined where the server answers with all of it. */
async function askForSize(url: string, { stallTimeout, signal }: HttpFileOptions): Promise<number | undefined> {
  const request = await httpRequest(url, { where: WHERE, stallTimeout, signal, headers: rangeHeader(0, 1) });
  const { response, failure, end } = request;
  try {
    await response.body?.cancel();
    if (response.status === NOT_SATISFIABLE && response.headers.get('content-range') === 'bytes */0') return 0;
    if (!holdsFile(response)) throw fileNotFound(WHERE, url, { cause: new Error(statusOf(response)) });
    if (response.status !== PARTIAL) return undefined;
    const range = parseContentRange(response);
    if (range?.first === 0 && range.last === 0 && range.size > 0) return range.size;
    throw fileNotFound(WHERE, url, {
      cause: new Error(`bytes [0, 1) with content-range ${response.headers.get('content-range') ?? 'missing'}`),
      remedy: 'The server answers range requests wrongly (or hides content-range from this origin): use another one.',
    });
  } catch (cause) {
    throw failure(cause);
  } finally {
    end();
  }
}

/**
 * A file behind a URL, read by HTTP range requests. A server that ignores them is asked for the whole file once, which is
 * then held in memory.
 * @throws LatteFlowError `file-not-found`; the signal's reason on abort
 */
export async function openHttpFile(url: string, options: HttpFileOptions): Promise<RangedFile> {
  const { stallTimeout, whole } = options;
  const size = await askForSize(url, options);
  if (size === undefined) return memoryFile(await whole(), url);
  return readAhead({
    size,
    async readInto(target, begin, { signal } = {}) {
      if (target.length === 0) return;
      const headers = rangeHeader(begin, target.length);
      const request = await httpRequest(url, { where: 'RangedFile.readInto', stallTimeout, signal, headers });
      const { response, alive, failure, end } = request;
      const expected = rangeText(begin, target.length);
      const refuse = (got: string) => rangeNotRead(url, { expected, got });
      try {
        const range = response.status === PARTIAL ? parseContentRange(response) : undefined;
        const fits = range?.first === begin && range.last === begin + target.length - 1 && range.size === size;
        if (!fits || response.body === null) {
          await response.body?.cancel();
          const got = `${statusOf(response)}, content-range ${response.headers.get('content-range') ?? 'missing'}`;
          throw refuse(`${got}, of a file of ${size} bytes`);
        }
        await fillFromStream(target, response.body, { onBytes: alive, refuse });
      } catch (cause) {
        throw failure(cause);
      } finally {
        end();
      }
    },
    close: async () => {},
  });
}
