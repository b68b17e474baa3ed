import type { ParameterStore, ParameterValues } from '@latte-flow/runtime';
import type { Scalar } from '@tensorflow/tfjs-core';

import type { HostBatch } from './host-batches.ts';

/** What a task brings to a run: parameters, a loss, and what is written when it is done. `Batch` lives on the device. */
export interface LearnedModel<Batch> extends Disposable {
  readonly parameters: ParameterStore;
  /** Parameters that always get gradients together share a block. */
  readonly block: (name: string) => string;
  /** The loss computes on the device alone, and is recorded once for all batches of a form (`captured` of the trainer). */
  readonly isCaptured: boolean;
  /** Brings a batch to the device. */
  upload(batch: HostBatch): Batch;
  disposeBatch(batch: Batch): void;
  loss(batch: Batch): Scalar;
  /** Text files that stand beside the weights, which are given as they will be written. */
  files(weights: ReadonlyMap<string, ParameterValues>): Promise<ReadonlyMap<string, Uint8Array>>;
}
