import { parentPort, workerData } from 'node:worker_threads';

import { hostBatches, type HostBatch } from './host-batches.ts';
import type { TrainingConfig } from './training-config.ts';

/** What goes back for each index asked for. A batch that cannot be drawn ends the thread with its error. */
export interface BatchReply {
  readonly index: number;
  readonly batch: HostBatch;
}

/** The large arrays of a batch, to be moved instead of copied. */
function transferable(batch: HostBatch): ArrayBuffer[] {
  const arrays = 'noise' in batch ? [batch.images, batch.noise] : batch.inputs.patches ? [batch.inputs.patches] : [];
  return arrays.map(({ buffer }) => buffer as ArrayBuffer);
}

const port = parentPort!;
const drawBatch = await hostBatches(workerData as TrainingConfig);

port.on('message', (index: number) => {
  const batch = drawBatch(index);
  port.postMessage({ index, batch } satisfies BatchReply, transferable(batch));
});
