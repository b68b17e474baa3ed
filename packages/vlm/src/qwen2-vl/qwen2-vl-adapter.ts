import { tensor2d } from '@tensorflow/tfjs-core';

import type { VlmAdapter } from '../adapter/vlm-adapter.ts';
import type { ImageProcessorConfig } from '../image/image-processor-config.ts';
import { frameRuns, wholeFrame } from './frame-runs.ts';
import { qwen2VLParameterShapes } from './parameter-shapes.ts';
import { qwenAdapter } from './qwen-adapter.ts';
import { parseQwen2VLConfig, qwen2VLConfigToJson, type Qwen2VLConfig } from './qwen2-vl-config.ts';
import { patchValues, runVisionTower, type FrameInput } from './vision-tower.ts';

/** Qwen2-VL: M-RoPE, full attention inside each frame, images of any size. */
export const qwen2VLAdapter: VlmAdapter<Qwen2VLConfig, ImageProcessorConfig, FrameInput> = {
  ...qwenAdapter,
  modelTypes: ['qwen2_vl'],
  parseConfig: parseQwen2VLConfig,
  configToJson: qwen2VLConfigToJson,
  parameterShapes: qwen2VLParameterShapes,
  uploadImages: ({ patches, grids }, { vision }) => ({
    patches: tensor2d(patches, [patches.length / patchValues(vision), patchValues(vision)]),
    runs: frameRuns(grids, vision, wholeFrame),
  }),
  imageFeatures: (parameters, { vision }, options) => runVisionTower(parameters.scope('visual'), vision, options),
};
