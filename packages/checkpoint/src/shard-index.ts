import { describeValue } from '@latte-flow/core';

import { isInnerPath } from './file-reader.ts';
import type { FileStore } from './file-store.ts';
import { refuseFile } from './invalid.ts';
import { isJsonObject, readJson } from './json-file.ts';

export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

/**
 * `weight_map` of `model.safetensors.index.json`: tensor -> file.
 * @throws LatteFlowError `checkpoint-invalid`
 */
export async function readIndex(store: FileStore, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const index = await readJson(store, INDEX_FILE, { signal });
  const refuse = (expected: string, got: unknown): never =>
    refuseFile({
      where: 'openWeights',
      expected: `${INDEX_FILE} ${expected}`,
      got: describeValue(got),
      remedy: 'Export the checkpoint again, or write the index by the Hugging Face layout.',
    });
  const map = isJsonObject(index) ? index['weight_map'] : undefined;
  if (!isJsonObject(map)) return refuse('to hold an object weight_map', map);
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !isInnerPath(file))
      return refuse(`to name a file of the folder for ${describeValue(name)}`, file);
    files.set(name, file);
  }
  return files;
}
