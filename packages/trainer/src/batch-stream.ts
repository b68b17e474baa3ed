export interface BatchSource<Batch> {
  /**
   * Batch `index`: a pure function of its index, which is what makes a resumed run exact. With micro-batches, step s
   * uses the indices s * microBatches and the following.
   */
  readonly batch: (index: number, options: { readonly signal?: AbortSignal }) => Promise<Batch> | Batch;
  readonly disposeBatch: (batch: Batch) => void;
}

interface Range {
  readonly from: number;
  /** The first index not wanted any more. */
  readonly to: number;
  readonly signal?: AbortSignal;
}

/** Batches in order, the next one made while the device works on this one. */
export class BatchStream<Batch> {
  readonly #source: BatchSource<Batch>;
  readonly #range: Range;
  #index: number;
  #next: Promise<Batch> | undefined;

  constructor(source: BatchSource<Batch>, range: Range) {
    this.#source = source;
    this.#range = range;
    this.#index = range.from;
  }

  /** Starts making the next batch, unless it is under way or past the end. */
  prefetch(): void {
    if (this.#next !== undefined || this.#index >= this.#range.to) return;
    const index = this.#index++;
    const { signal } = this.#range;
    this.#next = (async () => this.#source.batch(index, { signal }))();
    // Its failure is for whoever takes it; until then it must not count as unhandled.
    this.#next.catch(() => {});
  }

  /** The next batch, the caller's from now on. */
  async take(): Promise<Batch> {
    this.prefetch();
    const next = this.#next!;
    this.#next = undefined;
    return next;
  }

  /** Disposes of a batch that was made and not taken. */
  async close(): Promise<void> {
    await this.#next?.then(this.#source.disposeBatch, () => {});
    this.#next = undefined;
  }
}
