import { LatteFlowError } from '@latte-flow/core';
import { parseVisionLanguageConfig, type Qwen25VLConfig, type Qwen2VLConfig } from '@latte-flow/vlm';

/** The architectures whose images are the scenes as they are, patch by patch. */
const TRAINABLE = ['qwen2_vl', 'qwen2_5_vl'];

/**
 * The config of a model to be taught from nothing.
 * @throws LatteFlowError `unsupported` for an architecture that scenes are not made for, or as `parseVisionLanguageConfig`
 */
export function parseTrainedBackbone(json: unknown): Qwen2VLConfig | Qwen25VLConfig {
  const config = parseVisionLanguageConfig(json);
  if (TRAINABLE.includes(config.modelType)) return config as Qwen2VLConfig | Qwen25VLConfig;
  throw new LatteFlowError('unsupported', {
    where: 'train',
    expected: `model_type to be one of ${TRAINABLE.join(', ')}`,
    got: config.modelType,
    remedy: 'Train one of these, or write a loop of your own over @latte-flow/vlm/training.',
    data: { modelType: config.modelType, known: TRAINABLE },
  });
}
