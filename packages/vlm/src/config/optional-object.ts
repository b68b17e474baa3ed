import { readJson, type FileStore } from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';

import { isJsonObject, type JsonObject } from './json-fields.ts';

/**
 * The object that a JSON file of a checkpoint holds, `{}` where there is no such file.
 * @throws LatteFlowError `checkpoint-invalid` for a file that holds something else
 */
export async function readOptionalObject(
  store: FileStore,
  path: string,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  if (!(await store.exists(path))) return {};
  const json = await readJson(store, path, { signal });
  if (isJsonObject(json)) return json;
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'fromPretrained',
    expected: `${path} to hold an object`,
    got: 'another kind of value',
    remedy: 'Download the file of the checkpoint again.',
    data: { path },
  });
}
