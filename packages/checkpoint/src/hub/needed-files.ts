import { LatteFlowError } from '@latte-flow/core';

import type { HubFile } from './list-snapshot.ts';

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/** What says how the weights are used, all of it text. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.json',
  'chat_template.jinja',
]);

function folderAndName(path: string): readonly [string, string] {
  const cut = path.lastIndexOf('/') + 1;
  return [path.slice(0, cut), path.slice(cut)];
}

/** The indices that must be read before it is known which shards are needed: of folders without a single file. */
function neededIndices(files: ReadonlyMap<string, HubFile>, folders: readonly string[]): HubFile[] {
  return folders.flatMap((folder) => {
    const index = files.get(folder + INDEX);
    return index === undefined || files.has(folder + WEIGHTS) ? [] : [index];
  });
}

/**
 * What a model needs of what its page on the Hub holds: of the root and every folder with a `config.json`, the files
 * that describe it, and `model.safetensors`, else the index and the shards that it names. Never pickles, other
 * formats or pictures.
 *
 * @param shardsOf reads an index: the names of its files, relative to it
 * @throws LatteFlowError `file-not-found` if the Hub has not got a shard
 */
export async function neededFiles(
  listed: readonly HubFile[],
  shardsOf: (index: HubFile) => Promise<readonly string[]>,
): Promise<HubFile[]> {
  const files = new Map(listed.map((file) => [file.path, file]));
  const folders = [...new Set(listed.map(({ path }) => folderAndName(path)[0]))].filter(
    (folder) => folder === '' || files.has(`${folder}config.json`),
  );
  const needed = listed.filter(({ path }) => {
    const [folder, name] = folderAndName(path);
    return folders.includes(folder) && (DESCRIPTIONS.has(name) || name === WEIGHTS);
  });
  for (const index of neededIndices(files, folders)) {
    needed.push(index);
    const [folder] = folderAndName(index.path);
    for (const shard of await shardsOf(index)) {
      const file = files.get(folder + shard);
      if (file === undefined) {
        throw new LatteFlowError('file-not-found', {
          where: 'openHubStore',
          expected: `the shard ${folder}${shard}, which ${index.path} names, on the Hub`,
          got: 'none',
          remedy: 'Its authors have not uploaded it, or name another revision.',
          data: { file: folder + shard },
        });
      }
      needed.push(file);
    }
  }
  return needed;
}
