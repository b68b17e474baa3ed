import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import type { BatchReply } from './batch-worker.ts';
import { hostBatches, type HostBatch } from './host-batches.ts';
import type { TrainingConfig } from './training-config.ts';

const MAX_WORKERS = 16;
/** Batches that each worker has in hand or in its queue. */
const AHEAD = 2;

/** Draws the batches of a run. Batch `index` is the same whichever thread makes it. */
export interface BatchPool extends AsyncDisposable {
  /** The batch, the caller's from now on. Rejects once a thread has failed. */
  take(index: number): Promise<HostBatch>;
}

function defaultWorkers(): number {
  return Math.max(0, Math.min(MAX_WORKERS, availableParallelism() - 1));
}

/** Beside this file, under the ending that the source or the bundle has. */
function workerUrl(): URL {
  const extension = /\.[^.]+$/.exec(import.meta.url)![0];
  return new URL(`./batch-worker${extension}`, import.meta.url);
}

interface PendingBatch {
  readonly promise: Promise<HostBatch>;
  readonly resolve: (batch: HostBatch) => void;
  readonly reject: (error: Error) => void;
}

/** Worker threads that draw ahead of the training loop. */
class ThreadPool implements BatchPool {
  readonly #workers: readonly Worker[];
  readonly #batches = new Map<number, PendingBatch>();
  /** The first index that was not asked for yet. */
  #next: number | undefined;
  #failure: Error | undefined;

  constructor(config: TrainingConfig, size: number) {
    this.#workers = Array.from({ length: size }, () => {
      const worker = new Worker(workerUrl(), { workerData: config });
      worker.on('message', ({ index, batch }: BatchReply) => this.#batches.get(index)?.resolve(batch));
      worker.on('error', (cause) => this.#fail(cause instanceof Error ? cause.message : String(cause), cause));
      worker.on('exit', (code) => this.#fail(`exit code ${code}`));
      return worker;
    });
  }

  async take(index: number): Promise<HostBatch> {
    this.#next ??= index;
    while (this.#next < index + this.#workers.length * AHEAD) this.#request(this.#next++);
    const { promise } = this.#batches.get(index) ?? this.#request(index);
    try {
      return await promise;
    } finally {
      this.#batches.delete(index);
    }
  }

  #request(index: number): PendingBatch {
    let settle: Pick<PendingBatch, 'resolve' | 'reject'>;
    const promise = new Promise<HostBatch>((resolve, reject) => (settle = { resolve, reject }));
    // A failure ahead of its turn is reported when the batch is taken.
    promise.catch(() => undefined);
    const pending = { promise, ...settle! };
    this.#batches.set(index, pending);
    if (this.#failure === undefined) this.#workers[index % this.#workers.length]!.postMessage(index);
    else pending.reject(this.#failure);
    return pending;
  }

  /** One lost thread ends the run: every batch that was not drawn yet fails. */
  #fail(reason: string, cause?: unknown): void {
    this.#failure ??= new Error(`a thread that draws batches stopped: ${reason}`, { cause });
    for (const { reject } of this.#batches.values()) reject(this.#failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/**
 * Opens the pool of a run: `config.workers` threads, or none, which draws batches where they are needed. The caller
 * disposes of it.
 * @throws LatteFlowError as `hostBatches`, before a thread is started
 */
export async function openBatchPool(config: TrainingConfig): Promise<BatchPool> {
  const drawBatch = await hostBatches(config);
  const size = config.workers ?? defaultWorkers();
  if (size > 0) return new ThreadPool(config, size);
  return { take: async (index) => drawBatch(index), [Symbol.asyncDispose]: async () => undefined };
}
