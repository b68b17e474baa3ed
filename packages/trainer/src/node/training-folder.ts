import { openFileStore } from '@latte-flow/checkpoint';
import { writeFile } from '@latte-flow/checkpoint/node';
import { join } from 'node:path';

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

/**
 * Puts the saved state into the trainer, which must be of the same parameters, blocks and EMA setting.
 * @throws LatteFlowError `file-not-found`, `checkpoint-invalid` or `checkpoint-mismatch`.
 */
export async function resume<Batch>(
  folder: string,
  trainer: Trainer<Batch>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const store = await openFileStore(folder);
  await trainer.restore(decodeTrainingState(await store.read(STATE_FILE, { signal })));
}
