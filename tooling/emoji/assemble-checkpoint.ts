import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { openFileStore } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { LatteFlowError } from '@latte-flow/core';
import { BACKBONE_FOLDER, LatteFlow } from '@latte-flow/model';

export interface TrainedParts {
  /** Checkpoint of the generation stream: what `latte train flow.json` wrote. */
  readonly flow: string;
  /** Checkpoint of the backbone that the stream was trained over. */
  readonly vlm: string;
}

type Files = Map<string, Uint8Array>;

/** The files of a folder, those of its subfolders left out. */
async function readFolder(folder: string): Promise<Files> {
  await openFileStore(folder); // refuses what is no folder
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return new Map(names.map((name, i) => [name, contents[i]!]));
}

/** Loads the model on the current backend, once, to see that its parts are all there and fit. */
async function requireModel(files: Files, location: string): Promise<void> {
  const read = async (path: string): Promise<Uint8Array> => {
    const content = files.get(path);
    if (content !== undefined) return content;
    throw new LatteFlowError('file-not-found', {
      where: 'assembleCheckpoint',
      expected: `a checkpoint with ${path}`,
      got: 'parts without it',
      remedy: 'Name the two checkpoint folders that latte train wrote.',
    });
  };
  const model = await LatteFlow.fromPretrained({ location, read, exists: async (path) => files.has(path) });
  model.dispose();
}

/**
 * Puts a stream and its backbone together as one checkpoint: the stream's files at the root, the backbone below `vlm/`.
 * Other files at the root of the folder stay; the folder is replaced as a whole.
 * @throws LatteFlowError if a part is missing or the two do not fit, and the folder stays as it was
 */
export async function assembleCheckpoint(folder: string, { flow, vlm }: TrainedParts): Promise<void> {
  const files: Files = new Map([...(await readFolder(folder)), ...(await readFolder(flow))]);
  for (const [name, content] of await readFolder(vlm)) files.set(`${BACKBONE_FOLDER}/${name}`, content);
  await requireModel(files, folder);
  await writeFolder(folder, files);
}
