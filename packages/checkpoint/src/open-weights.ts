import { describeValue, LatteFlowError, throwIfAborted } from '@latte-flow/core';

import { openRanged, type FileStore } from './file-store.ts';
import { readHeader } from './header.ts';
import { refuseFile } from './invalid.ts';
import { fileText } from './json-file.ts';
import { joinQuantised, readQuantisation } from './packing/quantisation-config.ts';
import type { RangedFile } from './ranged-file.ts';
import { INDEX_FILE, readIndex, SINGLE_FILE } from './shard-index.ts';
import type { FileTensor, StoredTensor } from './stored-tensor.ts';

/** The weights of a folder, of which only names, dtypes and shapes were read so far. */
export interface OpenWeights {
  readonly location: string;
  /** In the order of the index, or of the file's header. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of all tensors, as they are stored. */
  readonly bytes: number;
  /** Closes the files; tensors cannot be read afterwards. Idempotent. */
  close(): Promise<void>;
}

const WHERE = 'openWeights';

async function tensorsOf(
  store: FileStore,
  { path, file, signal }: { path: string; file: RangedFile; signal: AbortSignal | undefined },
): Promise<Map<string, FileTensor>> {
  const { entries, dataStart } = await readHeader(file, { signal }).catch((cause: unknown) => {
    if (!LatteFlowError.isInstance(cause) || cause.code !== 'checkpoint-invalid') throw cause;
    return refuseFile({
      where: WHERE,
      expected: `safetensors as ${fileText(store, path)}`,
      got: 'a flaw',
      remedy: cause.message,
      data: { ...cause.data, file: path },
      cause,
    });
  });
  return new Map(
    entries.map(({ name, dtype, shape, begin, end }) => [
      name,
      {
        dtype,
        shape,
        byteLength: end - begin,
        file: path,
        begin: dataStart + begin,
        readInto: (target, offset, options) => file.readInto(target, dataStart + begin + offset, options),
      },
    ]),
  );
}

/** Which tensor lies in which file: undefined for all that the one file holds. */
async function weightMap(store: FileStore, signal: AbortSignal | undefined): Promise<Map<string, string> | undefined> {
  if (await store.exists(SINGLE_FILE)) return undefined;
  if (await store.exists(INDEX_FILE)) return readIndex(store, signal);
  throw new LatteFlowError('file-not-found', {
    where: WHERE,
    expected: `${SINGLE_FILE} or ${INDEX_FILE} in ${store.location}`,
    got: 'neither',
    remedy: 'Check the location; convert weights of other formats to safetensors first.',
    data: { location: store.location },
  });
}

async function openShard(store: FileStore, path: string, signal: AbortSignal | undefined): Promise<RangedFile> {
  if (path !== SINGLE_FILE && !(await store.exists(path))) {
    throw new LatteFlowError('file-not-found', {
      where: WHERE,
      expected: `the shard ${path}, which ${INDEX_FILE} names, in ${store.location}`,
      got: 'none',
      remedy: 'Download the missing shard.',
      data: { file: path },
    });
  }
  return openRanged(store, path, { signal });
}

function pickIndexed(
  index: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, ReadonlyMap<string, FileTensor>>,
): Map<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  for (const [name, file] of index) {
    const found = shards.get(file)?.get(name);
    if (found === undefined) {
      return refuseFile({
        where: WHERE,
        expected: `tensor ${describeValue(name)} in ${file}, where ${INDEX_FILE} puts it`,
        got: 'none',
        remedy: 'Index and shards are of different exports: download the folder again.',
        data: { tensor: name, file },
      });
    }
    tensors.set(name, found);
  }
  return tensors;
}

/**
 * Opens the weights of a Hugging Face folder and reads their headers only: `model.safetensors`, else the shards that
 * `model.safetensors.index.json` names (of which only the tensors in the index count). Weights that `latte convert` has
 * quantised appear under their own names, as `quantization_config` of config.json says. The caller closes them.
 * @throws LatteFlowError `file-not-found` (neither is there, or a shard is missing), `checkpoint-invalid`, `unsupported`
 * (quantised by another tool); the signal's reason on abort
 */
export async function openWeights(
  store: FileStore,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<OpenWeights> {
  throwIfAborted(signal);
  const quantised = await readQuantisation(store, signal);
  const index = await weightMap(store, signal);
  const open: RangedFile[] = [];
  const close = async (): Promise<void> => {
    for (const file of open.splice(0)) await file.close();
  };
  try {
    const shards = new Map<string, Map<string, FileTensor>>();
    for (const path of index === undefined ? [SINGLE_FILE] : new Set(index.values())) {
      throwIfAborted(signal);
      const file = await openShard(store, path, signal);
      open.push(file);
      shards.set(path, await tensorsOf(store, { path, file, signal }));
    }
    const files = index === undefined ? shards.get(SINGLE_FILE)! : pickIndexed(index, shards);
    const tensors = joinQuantised(files, quantised);
    const bytes = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { location: store.location, tensors, bytes, close };
  } catch (error) {
    await close();
    throw error;
  }
}
