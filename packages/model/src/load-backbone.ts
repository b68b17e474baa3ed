import { openFileStore, subfolderOf, type FileStore } from '@latte-flow/checkpoint';
import { VisionLanguageModel, type LoadOptions } from '@latte-flow/vlm';

import { BACKBONE_FOLDER } from './latte-flow.ts';

/**
 * Loads what answers questions about images from a checkpoint (folder, URL, `owner/name` on the Hub or open store): a
 * vision-language model as the Hub has them, or the backbone alone of one that also generates. The caller disposes of it.
 * @throws LatteFlowError as `VisionLanguageModel.fromPretrained`
 */
export async function loadBackbone(
  location: string | FileStore,
  options: LoadOptions = {},
): Promise<VisionLanguageModel> {
  const store = typeof location === 'string' ? await openFileStore(location, options) : location;
  const isCoupled = await store.exists(`${BACKBONE_FOLDER}/config.json`);
  return VisionLanguageModel.fromPretrained(isCoupled ? subfolderOf(store, BACKBONE_FOLDER) : store, options);
}
