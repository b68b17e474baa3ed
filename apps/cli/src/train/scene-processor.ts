import type { Qwen2VLVisionConfig } from '@latte-flow/vlm';

import { SCENE_SIZE } from '../corpus/index.ts';

/**
 * `preprocessor_config.json` of a model that sees scenes: patches are the vision tower's, and no picture up to the size
 * of a scene is resized.
 */
export function sceneProcessorJson({ patchSize, temporalPatchSize, spatialMergeSize }: Qwen2VLVisionConfig) {
  return {
    patch_size: patchSize,
    temporal_patch_size: temporalPatchSize,
    merge_size: spatialMergeSize,
    min_pixels: (patchSize * spatialMergeSize) ** 2,
    max_pixels: SCENE_SIZE ** 2,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
}
