import { describeValue, LatteFlowError, throwIfAborted, type OnProgress } from '@latte-flow/core';

import { isInnerPath } from './file-reader.ts';
import type { FileStore } from './file-store.ts';
import { findDuplicateKey } from './duplicate-keys.ts';
import { refuseFile } from './invalid.ts';
import { parseSafetensors, type TensorView } from './safetensors.ts';

export interface ReadWeightsOptions {
  readonly signal?: AbortSignal;
  /** Stage `load`, in bytes; `total` where it is known. */
  readonly onProgress?: OnProgress;
}

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';

function fileText(store: FileStore, path: string): string {
  return `${path} in ${store.location}`;
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

/** Adds the name of the file to what is wrong with its content. */
function parseFile(store: FileStore, path: string, bytes: Uint8Array): Map<string, TensorView> {
  try {
    return parseSafetensors(bytes).tensors;
  } catch (cause) {
    if (!LatteFlowError.isInstance(cause)) throw cause;
    return refuseFile({
      where: 'readWeights',
      expected: `safetensors as ${fileText(store, path)}`,
      got: 'a flaw',
      remedy: cause.message,
      data: { ...cause.data, file: path },
      cause,
    });
  }
}

/** `weight_map` of the index: tensor -> file. */
async function readIndex(store: FileStore, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const index = await readJson(store, INDEX_FILE, { signal });
  const refuse = (expected: string, got: unknown): never =>
    refuseFile({
      where: 'readWeights',
      expected: `${INDEX_FILE} ${expected}`,
      got: describeValue(got),
      remedy: 'Export the checkpoint again, or write the index by the Hugging Face layout.',
    });
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return refuse('to hold an object weight_map', map);
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !isInnerPath(file))
      return refuse(`to name a file of the folder for ${describeValue(name)}`, file);
    files.set(name, file);
  }
  return files;
}

async function readShards(
  store: FileStore,
  { signal, onProgress }: ReadWeightsOptions,
): Promise<Map<string, TensorView>> {
  const index = await readIndex(store, signal);
  const shards = new Map<string, Map<string, TensorView>>();
  let before = 0;
  for (const file of new Set(index.values())) {
    if (!(await store.exists(file))) {
      throw new LatteFlowError('file-not-found', {
        where: 'readWeights',
        expected: `the shard ${file}, which ${INDEX_FILE} names, in ${store.location}`,
        got: 'none',
        remedy: 'Download the missing shard.',
        data: { file },
      });
    }
    const bytes = await store.read(file, {
      signal,
      onBytes: (loaded) => onProgress?.({ stage: 'load', loaded: before + loaded }),
    });
    before += bytes.length;
    shards.set(file, parseFile(store, file, bytes));
  }
  const tensors = new Map<string, TensorView>();
  for (const [name, file] of index) {
    const view = shards.get(file)?.get(name);
    if (view === undefined) {
      return refuseFile({
        where: 'readWeights',
        expected: `tensor ${describeValue(name)} in ${file}, where ${INDEX_FILE} puts it`,
        got: 'none',
        remedy: 'Index and shards are of different exports: download the folder again.',
        data: { tensor: name, file },
      });
    }
    tensors.set(name, view);
  }
  return tensors;
}

/**
 * The weights of a Hugging Face folder: `model.safetensors`, else the shards that `model.safetensors.index.json` names
 * (of which only the tensors in the index count).
 * @throws LatteFlowError `file-not-found` (neither is there, or a shard is missing), `checkpoint-invalid`.
 */
export async function readWeights(
  store: FileStore,
  options: ReadWeightsOptions = {},
): Promise<Map<string, TensorView>> {
  const { signal, onProgress } = options;
  throwIfAborted(signal);
  if (await store.exists(SINGLE_FILE)) {
    const bytes = await store.read(SINGLE_FILE, {
      signal,
      onBytes: (loaded, total) => onProgress?.({ stage: 'load', loaded, total }),
    });
    return parseFile(store, SINGLE_FILE, bytes);
  }
  if (await store.exists(INDEX_FILE)) return readShards(store, options);
  throw new LatteFlowError('file-not-found', {
    where: 'readWeights',
    expected: `${SINGLE_FILE} or ${INDEX_FILE} in ${store.location}`,
    got: 'neither',
    remedy: 'Check the location; convert weights of other formats to safetensors first.',
    data: { location: store.location },
  });
}
