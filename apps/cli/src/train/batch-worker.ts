import { parentPort, workerData } from 'node:worker_threads';

import { hostBatches, type HostBatch } from './host-batches.ts';
import type { TrainingConfig } from './training-config.ts';

/** What goes back for each index asked for. */
export interface BatchReply {
  readonly index: number;
  readonly batch?: HostBatch;
  readonly error?: string;
}

/** The large arrays of a batch, to be moved instead of copied. */
function transferable(batch: HostBatch): ArrayBuffer[] {
  const arrays = 'noise' in batch ? [batch.images, batch.noise] : batch.inputs.patches ? [batch.inputs.patches] : [];
  return arrays.map(({ buffer }) => buffer as ArrayBuffer);
}

const port = parentPort!;
const ready = hostBatches(workerData as TrainingConfig);

port.on('message', (index: number) => {
  ready
    .then((make) => {
      const batch = make(index);
      port.postMessage({ index, batch } satisfies BatchReply, transferable(batch));
    })
    .catch((error: unknown) => {
      port.postMessage({ index, error: error instanceof Error ? error.message : String(error) } satisfies BatchReply);
    });
});
