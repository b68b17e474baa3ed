import { LatteFlowError } from '@latte-flow/core';

import type { VlmAdapter } from '../adapter/vlm-adapter.ts';
import { parseImageProcessorConfig, type ImageProcessorConfig } from '../image/image-processor-config.ts';
import { processImages, resizeForModel } from '../image/image-processor.ts';
import { imageTokenCount } from '../image/patchify.ts';
import { QWEN2_VL_CHAT_TEMPLATE } from '../text/chat.ts';
import type { QwenConfig } from './qwen-config.ts';
import { ropeIndex } from './rope-index.ts';
import { patchValues } from './vision-tower.ts';

function requireSamePatches({ vision }: QwenConfig, processor: ImageProcessorConfig): void {
  const pairs = [
    ['patch_size', vision.patchSize, processor.patchSize],
    ['temporal_patch_size', vision.temporalPatchSize, processor.temporalPatchSize],
    ['merge_size', vision.spatialMergeSize, processor.mergeSize],
  ] as const;
  for (const [name, expected, got] of pairs) {
    if (expected === got) continue;
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'parseImageProcessor',
      expected: `${name} ${expected} in preprocessor_config.json, as in config.json`,
      got: String(got),
      remedy: 'Use the files of one checkpoint.',
      data: { name, expected, got },
    });
  }
}

type OwnOfEach = 'modelTypes' | 'parseConfig' | 'configToJson' | 'parameterShapes' | 'uploadImages' | 'imageFeatures';

/** What the adapters of Qwen2-VL and Qwen2.5-VL share: names, prompt, image processor and M-RoPE. */
export const qwenAdapter: Omit<VlmAdapter<QwenConfig, ImageProcessorConfig>, OwnOfEach> = {
  decoderPrefix: 'model',
  spellings: [
    // Written by transformers 5 with `save_original_format=False`.
    ['model.language_model.', 'model.'],
    ['model.visual.', 'visual.'],
    // Saved from the base model, without the head.
    ['language_model.', 'model.'],
  ],
  chatTemplate: QWEN2_VL_CHAT_TEMPLATE,
  parseImageProcessor(json, config) {
    const { patchSize, temporalPatchSize, spatialMergeSize } = config.vision;
    const processor = parseImageProcessorConfig({
      patch_size: patchSize,
      temporal_patch_size: temporalPatchSize,
      merge_size: spatialMergeSize,
      ...json,
    });
    requireSamePatches(config, processor);
    return processor;
  },
  resizeImage: (image, processor) => [resizeForModel(image, processor)],
  processImages,
  patchValues: ({ vision }) => patchValues(vision),
  imageTokens: (grid, { vision }) => imageTokenCount(grid, vision.spatialMergeSize),
  imagePrompt: (grid, { config }) =>
    new Array<number>(imageTokenCount(grid, config.vision.spatialMergeSize)).fill(config.imageTokenId),
  positions: (inputs, { imageTokenId, vision }) =>
    ropeIndex(inputs, inputs.grids, { imageTokenId, mergeSize: vision.spatialMergeSize }),
};
