import { describeValue } from '@latte-flow/core';

import { findDuplicateKey } from './duplicate-keys.ts';
import type { FileStore } from './file-store.ts';
import { refuseFile } from './invalid.ts';

export function fileText(store: FileStore, path: string): string {
  return `${path} in ${store.location}`;
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A JSON file of the folder.
 * @throws LatteFlowError `file-not-found`, or `checkpoint-invalid` if it is not JSON in UTF-8 or gives a name twice.
 */
export async function readJson(
  store: FileStore,
  path: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<unknown> {
  const bytes = await store.read(path, { signal });
  const where = 'readJson';
  let json: string;
  let value: unknown;
  try {
    json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(json);
  } catch (cause) {
    return refuseFile({ where, expected: `JSON in UTF-8 as ${fileText(store, path)}`, got: 'other bytes', cause });
  }
  const twice = findDuplicateKey(json);
  if (twice !== undefined)
    refuseFile({
      where,
      expected: `every name once in ${fileText(store, path)}`,
      got: `${describeValue(twice)} twice`,
    });
  return value;
}
