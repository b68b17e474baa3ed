import { openFileStore, readJson } from '@latte-flow/checkpoint';
import { parseLatteFlowConfig } from '@latte-flow/model';
import { createTokenizer, parseImageProcessorConfig, parseVisionLanguageConfig } from '@latte-flow/vlm';
import type { CaptionBatch } from '@latte-flow/vlm/training';

import { readCorpus, sceneSource } from '../corpus/index.ts';
import { captioningHostBatch } from './captioning-batches.ts';
import { flowHostBatch, type FlowHostBatch } from './flow-batches.ts';
import type { TrainingConfig } from './training-config.ts';

/** What a batch is before it goes to the device; a pure function of the config and the index. */
export type HostBatch = CaptionBatch | FlowHostBatch;

/** How pictures become patches: the processor's own sizes fit the model's, so that nothing is resized. */
export function imageProcessorJson(vision: {
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly spatialMergeSize: number;
}) {
  const { patchSize, temporalPatchSize, spatialMergeSize } = vision;
  return {
    patch_size: patchSize,
    temporal_patch_size: temporalPatchSize,
    merge_size: spatialMergeSize,
    min_pixels: (patchSize * spatialMergeSize) ** 2,
    max_pixels: 64 * 64,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
}

/** Reads corpus and tokenizer, and gives the function that makes batch `index` of the run. */
export async function hostBatches(config: TrainingConfig): Promise<(index: number) => HostBatch> {
  const corpus = await readCorpus(config.corpus);
  const { plain: plainShare, pair: pairShare } = config.scenes;
  const source = sceneSource(corpus, { splits: ['train'], plainShare, pairShare });
  const store = await openFileStore(config.backbone);
  const tokenizer = createTokenizer({
    tokenizer: await readJson(store, 'tokenizer.json'),
    config: await readJson(store, 'tokenizer_config.json'),
  });
  if (config.task === 'captioning') {
    const model = parseVisionLanguageConfig(config.model);
    const imageProcessor = parseImageProcessorConfig(imageProcessorJson(model.vision));
    return (index) =>
      captioningHostBatch(index, { config, source, tools: { config: model, tokenizer, imageProcessor } });
  }
  const stream = parseLatteFlowConfig(config.model);
  const { eosTokenId: padTokenId } = parseVisionLanguageConfig(await readJson(store, 'config.json'));
  return (index) => flowHostBatch(index, { config, stream, source, tokenizer, padTokenId });
}
