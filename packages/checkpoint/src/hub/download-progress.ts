import type { OnProgress } from '@latte-flow/core';

import type { HubFile } from './list-snapshot.ts';

/** Bytes between two events of one file. */
const STEP_BYTES = 2 ** 18;

/** Adds up the bytes of all files of a download; files that are here from before count as come. */
export class DownloadProgress {
  readonly #onProgress: OnProgress | undefined;
  readonly #total: number;
  readonly #loaded = new Map<string, number>();
  #sum = 0;

  constructor(files: readonly HubFile[], onProgress: OnProgress | undefined) {
    this.#onProgress = onProgress;
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
  }

  /** `bytes` of the file are here. Can also go back, where a file is begun anew. */
  report({ path, size }: HubFile, bytes: number): void {
    const before = this.#loaded.get(path) ?? 0;
    if (bytes !== size && bytes >= before && bytes - before < STEP_BYTES && this.#loaded.has(path)) return;
    if (bytes === before && this.#loaded.has(path)) return;
    this.#loaded.set(path, bytes);
    this.#sum += bytes - before;
    this.#onProgress?.({
      stage: 'download',
      loaded: this.#sum,
      total: this.#total,
      file: { path, loaded: bytes, total: size },
    });
  }
}
