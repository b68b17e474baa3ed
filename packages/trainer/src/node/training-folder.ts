import { openFileStore } from '@latte-flow/checkpoint';
import { writeFile } from '@latte-flow/checkpoint/node';
import { describeValue, LatteFlowError } from '@latte-flow/core';
import { join, resolve } from 'node:path';

import type { Trainer } from '../trainer.ts';
import { decodeTrainingState, encodeTrainingState } from '../training-state.ts';

const STATE_FILE = 'training_state.safetensors';

/**
 * Saves the trainer's state as `training_state.safetensors` in the folder, which is made if it is missing. Atomic: a
 * kill while saving leaves the state saved before.
 * @throws LatteFlowError `file-not-writable`, or `training-diverged` if a value is not finite.
 */
export async function saveTrainingState<Batch>(folder: string, trainer: Trainer<Batch>): Promise<void> {
  await writeFile(join(folder, STATE_FILE), encodeTrainingState(await trainer.state()));
}

async function readState(folder: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  try {
    // Absolute: no name of a model on the Hub.
    const store = await openFileStore(resolve(folder));
    return await store.read(STATE_FILE, { signal });
  } catch (cause) {
    if (!LatteFlowError.isInstance(cause) || cause.code !== 'file-not-found') throw cause;
    throw new LatteFlowError('file-not-found', {
      where: 'resume',
      expected: `a folder with ${STATE_FILE}`,
      got: describeValue(folder),
      remedy: 'Name the folder that a run saved its state in, or start a new run.',
      data: { folder },
      cause,
    });
  }
}

/**
 * Puts the saved state into the trainer, which must be of the same parameters, blocks and EMA setting.
 * @throws LatteFlowError `file-not-found`, `checkpoint-invalid` or `checkpoint-mismatch`.
 */
export async function resume<Batch>(
  folder: string,
  trainer: Trainer<Batch>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  await trainer.restore(decodeTrainingState(await readState(folder, signal)));
}
