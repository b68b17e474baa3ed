import { LatteFlowError } from '@latte-flow/core';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import type { BatchReply } from './batch-worker.ts';
import { hostBatches, type HostBatch } from './host-batches.ts';
import type { TrainingConfig } from './training-config.ts';

const MAX_WORKERS = 8;
/** Batches that each worker has in hand or in its queue. */
const AHEAD = 2;

/** Draws batches ahead of the training loop, in worker threads. Batch `index` is the same whichever thread makes it. */
export interface BatchPool extends AsyncDisposable {
  take(index: number): Promise<HostBatch>;
}

function defaultWorkers(): number {
  return Math.max(0, Math.min(MAX_WORKERS, availableParallelism() - 1));
}

/** Beside this file, under the name that the source or the bundle has. */
function workerUrl(): URL {
  const extension = /\.[^.]+$/.exec(import.meta.url)![0];
  return new URL(`./batch-worker${extension}`, import.meta.url);
}

class ThreadPool implements BatchPool {
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, { resolve: (batch: HostBatch) => void; reject: (error: Error) => void }>();
  readonly #promises = new Map<number, Promise<HostBatch>>();
  #next: number | undefined;

  constructor(config: TrainingConfig, size: number) {
    this.#workers = Array.from({ length: size }, () => {
      const worker = new Worker(workerUrl(), { workerData: config });
      worker.on('message', (reply: BatchReply) => this.#settle(reply));
      worker.on('error', (error) => this.#fail(error));
      return worker;
    });
  }

  take(index: number): Promise<HostBatch> {
    this.#next ??= index;
    while (this.#next < index + this.#workers.length * AHEAD) this.#request(this.#next++);
    const promise = this.#promises.get(index) ?? this.#request(index);
    this.#promises.delete(index);
    return promise;
  }

  #request(index: number): Promise<HostBatch> {
    const promise = new Promise<HostBatch>((resolve, reject) => this.#waiting.set(index, { resolve, reject }));
    // A batch that fails ahead of its turn is reported when it is taken.
    promise.catch(() => undefined);
    this.#promises.set(index, promise);
    this.#workers[index % this.#workers.length]!.postMessage(index);
    return promise;
  }

  #settle({ index, batch, error }: BatchReply): void {
    const waiting = this.#waiting.get(index);
    this.#waiting.delete(index);
    if (batch !== undefined) waiting?.resolve(batch);
    else waiting?.reject(failure(error ?? 'no reason given'));
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values())
      reject(failure(error instanceof Error ? error.message : String(error)));
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function failure(reason: string): LatteFlowError {
  return new LatteFlowError('invalid-argument', {
    where: 'train',
    expected: 'a batch from the corpus',
    got: reason,
    remedy: 'Check the corpus and the training config.',
  });
}

/** Opens the pool of a run: `config.workers` threads, or none, which draws batches where they are needed. */
export async function openBatchPool(config: TrainingConfig): Promise<BatchPool> {
  const size = config.workers ?? defaultWorkers();
  if (size > 0) return new ThreadPool(config, size);
  const make = await hostBatches(config);
  return { take: async (index) => make(index), [Symbol.asyncDispose]: async () => undefined };
}
