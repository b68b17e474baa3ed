import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { describeValue, LatteFlowError } from '@latte-flow/core';

/** What a folder and those below it hold; paths are relative, with forward slashes. */
export interface ModelFolders {
  /** Folders with weights, '' for the model's own. */
  readonly weights: readonly string[];
  /** All other files. */
  readonly others: readonly string[];
}

const WEIGHTS = /^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/;
/** The same weights in other formats, which are left behind. */
const OTHER_FORMATS = /\.(bin|pt|pth|onnx|gguf|h5|msgpack)$/;

async function* filesBelow(root: string, folder = ''): AsyncGenerator<string> {
  for (const name of (await readdir(join(root, folder))).sort()) {
    if (name.startsWith('.')) continue;
    const path = folder === '' ? name : `${folder}/${name}`;
    // Not the entry's own kind: the files of a downloaded model are links.
    if ((await stat(join(root, path))).isDirectory()) yield* filesBelow(root, path);
    else yield path;
  }
}

/**
 * Lists a model's files. Hidden files and weights in other formats are left out.
 * @throws LatteFlowError `file-not-found` if there is no such folder, or none with weights in it
 */
export async function modelFolders(where: string, model: string): Promise<ModelFolders> {
  const refuse = (expected: string, got: string, cause?: unknown): never => {
    const remedy = 'Pass the folder that holds config.json and the weights; download a model first.';
    throw new LatteFlowError('file-not-found', { where, expected, got, remedy, data: { model }, cause });
  };
  const found = await stat(model).catch((cause: Error) =>
    refuse('MODEL to be a folder on this machine', cause.message),
  );
  if (!found.isDirectory()) return refuse('MODEL to be a folder on this machine', describeValue(model));
  const weights = new Set<string>();
  const others: string[] = [];
  for await (const path of filesBelow(model)) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (WEIGHTS.test(name)) weights.add(path.slice(0, Math.max(0, path.length - name.length - 1)));
    else if (!OTHER_FORMATS.test(name)) others.push(path);
  }
  if (weights.size === 0) return refuse(`model.safetensors or its index below ${model}`, 'none');
  return { weights: [...weights], others };
}
