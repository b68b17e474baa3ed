import { connectionError, contentError } from './hub-errors.ts';
import type { HubSettings } from './hub-settings.ts';
import type { HubFile, HubSnapshot } from './list-snapshot.ts';
import { requestHub, retrying, type HubAnswer } from './request.ts';
import type { ContentHash, ContentHasher } from './content-hash.ts';
import type { PartialFile } from './snapshot-cache.ts';

export interface TransferOptions {
  readonly snapshot: HubSnapshot;
  readonly settings: HubSettings;
  readonly hasher: ContentHasher;
  /** Called with the bytes of the file that are here. */
  readonly onBytes: (loaded: number) => void;
}

function urlOf(file: HubFile, { endpoint, commit }: HubSnapshot, { id }: HubSettings): string {
  return `${endpoint}/${id}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
}

/** First byte and whole size of a part, from `content-range`. */
function partOf({ headers }: Response): { begin: number; total: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
  return match === null ? undefined : { begin: Number(match[1]), total: Number(match[2]) };
}

/**
 * The size of the file by the server's word, where it says. Of small files the length may be that of a compressed body,
 * and pages are not shown that it is.
 */
function announcedSize({ response }: HubAnswer, { hashKind }: HubFile): number | undefined {
  if (response.status === 206) return partOf(response)?.total;
  const length = response.headers.get('content-length');
  return length === null || hashKind === 'git-sha1' ? undefined : Number(length);
}

/** A file of the Hub on its way into a `PartialFile`: goes on where that ends, after a cut too, and proves the result. */
class Transfer {
  readonly #file: HubFile;
  readonly #partial: PartialFile;
  readonly #options: TransferOptions;
  readonly #subject: string;
  #hash: ContentHash;

  constructor(file: HubFile, partial: PartialFile, options: TransferOptions) {
    this.#file = file;
    this.#partial = partial;
    this.#options = options;
    this.#subject = `${file.path} of ${options.settings.id}`;
    this.#hash = options.hasher(file);
  }

  async run(): Promise<void> {
    const { settings, onBytes } = this.#options;
    const [file, partial] = [this.#file, this.#partial];
    if (partial.size > file.size) await partial.clear();
    for await (const chunk of partial.chunks()) {
      settings.signal?.throwIfAborted();
      this.#hash.update(chunk);
    }
    const resumed = partial.size > 0;
    onBytes(partial.size);
    await this.#fetchRest();
    const digest = await this.#hash.digest();
    if (digest === file.hash) return;
    await this.#restart();
    // What lay here from an earlier time may be to blame.
    if (resumed) return this.run();
    throw contentError(this.#subject, { expected: `to have the ${file.hashKind} ${file.hash}`, got: digest });
  }

  #fetchRest(): Promise<void> {
    const { settings } = this.#options;
    return retrying(
      async () => {
        while (this.#partial.size < this.#file.size) await this.#fetchOnce();
      },
      { settings, progress: () => this.#partial.size },
    );
  }

  async #restart(): Promise<void> {
    await this.#partial.clear();
    this.#hash = this.#options.hasher(this.#file);
  }

  /** One request for what is missing. */
  async #fetchOnce(): Promise<void> {
    const { settings, snapshot, onBytes } = this.#options;
    const [file, partial] = [this.#file, this.#partial];
    const begin = partial.size;
    // A compressed body would have other offsets and another length.
    const headers = { 'accept-encoding': 'identity', ...(begin > 0 ? { range: `bytes=${begin}-` } : {}) };
    const { endpoint } = snapshot;
    const url = urlOf(file, snapshot, settings);
    // The browser's own cache would keep gigabytes a second time.
    const init = { headers, cache: 'no-store' } as const;
    const answer = await requestHub(url, { init, subject: this.#subject, endpoint, settings });
    const { response } = answer;
    const size = announcedSize(answer, file);
    const wrongSize = size !== undefined && size !== file.size;
    if (wrongSize && response.status !== 416) {
      await answer.cancel();
      await this.#restart();
      throw contentError(this.#subject, { expected: `to have ${file.size} bytes`, got: `${size} bytes` });
    }
    if (response.status === 416 || (response.status === 206 && partOf(response)?.begin !== begin)) {
      await answer.cancel();
      await this.#restart();
      throw connectionError(this.#subject, { got: `another part than the one from byte ${begin} on` });
    }
    if (response.status !== 206 && begin > 0) await this.#restart();
    for await (const chunk of answer.body()) {
      if (partial.size + chunk.length > file.size) {
        await this.#restart();
        throw contentError(this.#subject, { expected: `to have ${file.size} bytes`, got: 'more' });
      }
      await partial.append(chunk);
      this.#hash.update(chunk);
      onBytes(partial.size);
    }
    if (partial.size < file.size) {
      throw connectionError(this.#subject, { got: `${partial.size} of ${file.size} bytes` });
    }
  }
}

/**
 * Brings a file of the Hub into a part of it that may be there already: asks for what is missing by range, again after
 * every cut, starts anew where the server ignores ranges, and proves size and hash. What is wrong is thrown away.
 * @throws LatteFlowError `download-failed` (what has come is kept), `checkpoint-invalid`, `access-denied`,
 * `file-not-found`, `file-not-writable`; the signal's reason on abort
 */
export function transfer(file: HubFile, partial: PartialFile, options: TransferOptions): Promise<void> {
  return new Transfer(file, partial, options).run();
}
