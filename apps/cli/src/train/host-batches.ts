import { openFileStore, readJson } from '@latte-flow/checkpoint';
import { describeValue, refuseArgument, requireShape } from '@latte-flow/core';
import { parseLatteFlowConfig } from '@latte-flow/model';
import { createTokenizer, parseImageProcessorConfig, parseVisionLanguageConfig } from '@latte-flow/vlm';
import type { CaptionBatch } from '@latte-flow/vlm/training';

import { readCorpus, SCENE_SIZE, sceneSource, type Corpus } from '../corpus/index.ts';
import { autoencoderHostBatch, parseTrainedAutoencoder, type AutoencoderHostBatch } from './autoencoder-batches.ts';
import { parseTrainedBackbone } from './backbone-config.ts';
import { captioningHostBatch } from './captioning-batches.ts';
import { flowHostBatch, type FlowHostBatch } from './flow-batches.ts';
import { sceneProcessorJson } from './scene-processor.ts';
import type { TrainingConfig } from './training-config.ts';

/** What a batch is before it goes to the device; a pure function of the config and the index. */
export type HostBatch = CaptionBatch | FlowHostBatch | AutoencoderHostBatch;

/** Makes batch `index` of a run. */
export type DrawBatch = (index: number) => HostBatch;

/** The code points of concepts by their labels. */
function codePointsOf({ sprites }: Corpus, labels: readonly string[]): string[] {
  return labels.map((label) => {
    const sprite = sprites.find((candidate) => candidate.label === label);
    if (sprite !== undefined) return sprite.codePoint;
    return refuseArgument({
      where: 'train',
      expected: 'scenes.concepts to be labels of the corpus',
      got: describeValue(label),
      remedy: 'Take labels from corpus.json.',
    });
  });
}

/**
 * Reads the corpus and, where there is a backbone, its tokenizer, and checks the model's config against them.
 * @throws LatteFlowError for a corpus, tokenizer or model config that is missing or wrong
 */
export async function hostBatches(config: TrainingConfig): Promise<DrawBatch> {
  const corpus = await readCorpus(config.corpus);
  const { plain: plainShare, pair: pairShare, concepts, styles, splits } = config.scenes;
  const source = sceneSource(corpus, {
    splits,
    plainShare,
    pairShare,
    concepts: concepts && codePointsOf(corpus, concepts),
    styles,
  });
  if (config.task === 'autoencoder') {
    const model = parseTrainedAutoencoder(config.model);
    return (index) => autoencoderHostBatch(index, { config, model, source });
  }
  const store = await openFileStore(config.backbone);
  const tokenizer = createTokenizer({
    tokenizer: await readJson(store, 'tokenizer.json'),
    config: await readJson(store, 'tokenizer_config.json'),
  });
  if (config.task === 'captioning') {
    const model = parseTrainedBackbone(config.model);
    const imageProcessor = parseImageProcessorConfig(sceneProcessorJson(model.vision));
    return (index) =>
      captioningHostBatch(index, { config, source, tools: { config: model, tokenizer, imageProcessor } });
  }
  const stream = parseLatteFlowConfig(config.model);
  const { latentChannels, latentSize } = stream;
  const scene = [3, SCENE_SIZE, SCENE_SIZE];
  requireShape('train', 'latents, which are pixels of the corpus,', [latentChannels, latentSize, latentSize], scene);
  const { eosTokenId: padTokenId } = parseVisionLanguageConfig(await readJson(store, 'config.json'));
  return (index) => flowHostBatch(index, { config, stream, source, tokenizer, padTokenId });
}
