import { LatteFlowError } from '@latte-flow/core';
import { tensor2d, type Tensor2D } from '@tensorflow/tfjs-core';

import type { VisionInput, VlmAdapter } from '../adapter/vlm-adapter.ts';
import { parseImageProcessorConfig, type ImageProcessorConfig } from '../image/image-processor-config.ts';
import { processImages, resizeForModel } from '../image/image-processor.ts';
import { imageTokenCount } from '../image/patchify.ts';
import { QWEN2_VL_CHAT_TEMPLATE } from '../text/chat.ts';
import { frameRuns, type FrameRun } from './frame-runs.ts';
import { parameterShapes } from './parameter-shapes.ts';
import { parseQwen2VLConfig, qwen2VLConfigToJson, type Qwen2VLConfig } from './qwen2-vl-config.ts';
import { ropeIndex } from './rope-index.ts';
import { patchValues, runVisionTower } from './vision-tower.ts';

/** Patches and how they form frames. */
export interface FrameInput extends VisionInput {
  readonly patches: Tensor2D;
  readonly runs: readonly FrameRun[];
}

function requireSamePatches({ vision }: Qwen2VLConfig, processor: ImageProcessorConfig): void {
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

/** Qwen2-VL: M-RoPE, full attention inside each frame, images of any size. */
export const qwen2VLAdapter: VlmAdapter<Qwen2VLConfig, ImageProcessorConfig, FrameInput> = {
  modelTypes: ['qwen2_vl'],
  decoderPrefix: 'model',
  spellings: [
    // Written by transformers 5 with `save_original_format=False`.
    ['model.language_model.', 'model.'],
    ['model.visual.', 'visual.'],
    // Saved from the base model, without the head.
    ['language_model.', 'model.'],
  ],
  chatTemplate: QWEN2_VL_CHAT_TEMPLATE,
  parseConfig: parseQwen2VLConfig,
  configToJson: qwen2VLConfigToJson,
  parameterShapes,
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
  uploadImages: ({ patches, grids }, { vision }) => ({
    patches: tensor2d(patches, [patches.length / patchValues(vision), patchValues(vision)]),
    runs: frameRuns(grids, vision),
  }),
  imageFeatures: (parameters, { vision }, { images, hiddenStates }) =>
    runVisionTower(parameters.scope('visual'), vision, { ...images, hiddenStates }),
};
