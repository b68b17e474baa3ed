import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import {
  convertWeights,
  openFileStore,
  openWeights,
  readJson,
  subfolderOf,
  type DtypeRules,
  type FileStore,
  type OpenWeights,
} from '@latte-flow/checkpoint';
import { writeFolder, type FileContent } from '@latte-flow/checkpoint/node';
import { describeValue, refuseArgument, type OnProgress } from '@latte-flow/core';

import { localModel } from '../local-model.ts';
import { modelFolders } from './model-folders.ts';

const WHERE = 'latte convert';
const CONFIG = 'config.json';

export interface ConvertOptions {
  readonly dtype: DtypeRules;
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Refuses a place that holds something: writing replaces a folder as a whole. */
async function requireFree(target: string): Promise<void> {
  const found = await readdir(target).catch((cause: NodeJS.ErrnoException) => (cause.code === 'ENOENT' ? [] : [cause]));
  if (found.length === 0) return;
  refuseArgument({
    where: WHERE,
    expected: '-o to name a new or empty folder',
    got: describeValue(target),
    remedy: 'Choose another folder with -o, or remove that one.',
  });
}

/** config.json with what says how the weights are packed, or without where they no longer are. */
async function configText(store: FileStore, added: object, signal: AbortSignal | undefined): Promise<string> {
  const found = (await store.exists(CONFIG)) ? await readJson(store, CONFIG, { signal }) : {};
  const { quantization_config: _, ...config } = found as Record<string, unknown>;
  return `${JSON.stringify({ ...config, ...added }, null, 2)}\n`;
}

/**
 * Writes a model folder, and the folders with weights below it, in another dtype: whole or not at all, one tensor at a
 * time. Other files are copied.
 * @throws LatteFlowError `file-not-found`, `checkpoint-invalid`, `file-not-writable`, `invalid-argument` if `target` holds
 * something; the signal's reason on abort
 */
export async function convertModel(
  model: string,
  target: string,
  { dtype, shardBytes, signal, onProgress }: ConvertOptions,
) {
  await requireFree(target);
  const place = await localModel(model, { signal, onProgress });
  const { weights, others } = await modelFolders(WHERE, place);
  const root = await openFileStore(resolve(place));
  const open: OpenWeights[] = [];
  const files = new Map<string, FileContent>();
  let [before, after] = [0, 0];
  try {
    for (const path of others) files.set(path, new Uint8Array(await readFile(join(place, path), { signal })));
    for (const folder of weights) {
      const store = folder === '' ? root : subfolderOf(root, folder);
      const inFolder = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
      const opened = await openWeights(store, { signal });
      open.push(opened);
      const converted = convertWeights(opened.tensors, { dtype, maxShardBytes: shardBytes, signal, onProgress });
      for (const [name, content] of converted.files) files.set(inFolder(name), content);
      files.set(inFolder(CONFIG), await configText(store, converted.config, signal));
      before += opened.bytes;
      after += converted.bytes;
    }
    await writeFolder(target, files, { signal });
  } finally {
    for (const opened of open) await opened.close();
  }
  return { model, out: target, files: [...files.keys()].sort(), bytes: { before, after } };
}
