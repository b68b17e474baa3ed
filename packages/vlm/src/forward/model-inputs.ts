import { LatteFlowError, requireInteger } from '@latte-flow/core';

import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { patchCount, type PatchGrid } from '../image/patchify.ts';

/** Token ids of a padded batch, `[batch, length]` row-major, with 1 where a token is visible and 0 where it is padding. */
export interface PaddedIds {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  readonly batch: number;
  readonly length: number;
}

/** A padded batch on the host: what the model runs on. */
export interface ModelInputs extends PaddedIds {
  /** float32 rows of patch values, images of all samples in order; absent where there are none. */
  readonly patches?: Float32Array;
  readonly grids: readonly PatchGrid[];
}

/**
 * Pads sequences to one length. Generation needs padding on the left, so that all samples end together; training
 * takes it on the right, where causal attention never reads it.
 * @throws LatteFlowError `invalid-argument` for an empty batch or sequence
 */
export function padIds(
  sequences: readonly (readonly number[])[],
  options: { readonly side: 'left' | 'right'; readonly padTokenId: number; readonly multipleOf?: number },
): PaddedIds {
  const { side, padTokenId, multipleOf = 1 } = options;
  requireInteger('padIds', 'number of sequences', sequences.length, { min: 1 });
  const batch = sequences.length;
  const longest = Math.max(...sequences.map(({ length }) => length));
  const length = Math.ceil(longest / multipleOf) * multipleOf;
  const ids = new Int32Array(batch * length).fill(padTokenId);
  const mask = new Uint8Array(batch * length);
  sequences.forEach((sequence, sample) => {
    requireInteger('padIds', 'length of a sequence', sequence.length, { min: 1 });
    const start = sample * length + (side === 'left' ? length - sequence.length : 0);
    ids.set(sequence, start);
    mask.fill(1, start, start + sequence.length);
  });
  return { ids, mask, batch, length };
}

/**
 * Refuses ids outside the vocabulary, prompts that exceed the model's positions, and patches that do not fit the grids.
 * @throws LatteFlowError `invalid-argument` or `context-overflow`
 */
export function requireModelInputs(where: string, inputs: ModelInputs, config: VisionLanguageConfig): void {
  const { text } = config;
  const { ids, mask, batch, length, grids, patches } = inputs;
  const exactly = (name: string, value: number, wanted: number): void =>
    void requireInteger(where, name, value, { min: wanted, max: wanted });
  exactly('ids.length', ids.length, batch * length);
  exactly('mask.length', mask.length, batch * length);
  for (const id of ids) requireInteger(where, 'token id', id, { min: 0, max: text.vocabSize - 1 });
  const patchTotal = grids.reduce((total, grid) => total + patchCount(grid), 0);
  exactly('patches.length', patches?.length ?? 0, patchTotal * adapterOf(config).patchValues(config));
  if (length <= text.maxPositionEmbeddings) return;
  throw new LatteFlowError('context-overflow', {
    where,
    expected: `at most ${text.maxPositionEmbeddings} tokens`,
    got: `${length}`,
    remedy: 'Shorten the prompt, or use smaller or fewer images.',
    data: { tokens: length, limit: text.maxPositionEmbeddings },
  });
}
