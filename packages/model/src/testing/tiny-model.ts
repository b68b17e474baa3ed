import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { writeTinyCheckpoint } from '../../../../test/models/tiny-checkpoint.ts';

/**
 * Writes the tiny checkpoint before the tests of a file and removes it after them; gives its folder.
 * @param latents of an autoencoder in the checkpoint; default pixels
 */
export function tinyCheckpoint(options: { readonly latents?: boolean } = {}): { readonly folder: string } {
  const checkpoint = { folder: '' };
  let parent = '';
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'latte-tiny-'));
    checkpoint.folder = join(parent, 'checkpoint');
    await writeTinyCheckpoint(checkpoint.folder, options);
  });
  afterAll(() => rm(parent, { recursive: true, force: true }));
  return checkpoint;
}

/** Largest difference of two pictures in levels of 255. */
export function pixelDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
