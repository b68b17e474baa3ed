import type { VlmAdapter } from '../adapter/vlm-adapter.ts';
import type { ImageProcessorConfig } from '../image/image-processor-config.ts';
import { qwenAdapter } from '../qwen2-vl/qwen-adapter.ts';
import { qwen25VLParameterShapes } from './parameter-shapes.ts';
import { parseQwen25VLConfig, qwen25VLConfigToJson, type Qwen25VLConfig } from './qwen25-vl-config.ts';
import { runWindowedTower } from './vision-tower.ts';
import { uploadWindows, type WindowInput } from './window-input.ts';

/** Qwen2.5-VL: Qwen2-VL's language model, names and images; windowed attention in the vision tower. */
export const qwen25VLAdapter: VlmAdapter<Qwen25VLConfig, ImageProcessorConfig, WindowInput> = {
  ...qwenAdapter,
  modelTypes: ['qwen2_5_vl'],
  parseConfig: parseQwen25VLConfig,
  configToJson: qwen25VLConfigToJson,
  parameterShapes: qwen25VLParameterShapes,
  uploadImages: (images, { vision }) => uploadWindows(images, vision),
  imageFeatures: (parameters, { vision }, options) => runWindowedTower(parameters.scope('visual'), vision, options),
};
