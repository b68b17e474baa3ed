import { JsonFields, type JsonObject } from '../config/json-fields.ts';
import { languageModelToJson, readLanguageModel, readTower, towerToJson } from './qwen-config.ts';
import type { QwenConfig, QwenVisionConfig } from './qwen-config.ts';

export type Qwen2VLVisionConfig = QwenVisionConfig;

export interface Qwen2VLConfig extends QwenConfig {
  readonly modelType: 'qwen2_vl';
}

const WHERE = 'parseQwen2VLConfig';

/**
 * Reads the `config.json` of a Qwen2-VL checkpoint: flat as on the Hub, or nested under `text_config` as
 * transformers 5 writes it. `head_dim` may be given on its own; else it is hidden_size / num_attention_heads.
 * @throws LatteFlowError `checkpoint-invalid` for a missing, wrong or contradicting field, naming it
 */
export function parseQwen2VLConfig(json: JsonObject): Qwen2VLConfig {
  const languageModel = readLanguageModel(WHERE, json);
  const vision = new JsonFields(WHERE, [new JsonFields(WHERE, [json]).object(['vision_config'])]);
  const textWidth = languageModel.text.hiddenSize;
  const tower = readTower(vision, { width: 'embed_dim', mergedWidth: 'hidden_size', textWidth });
  vision.oneOf(['hidden_act'], ['quick_gelu'], 'quick_gelu');
  const intermediateSize = Math.trunc(tower.embedDim * vision.positive(['mlp_ratio'], 4));
  return { modelType: 'qwen2_vl', ...languageModel, vision: { ...tower, intermediateSize } };
}

/** The `config.json` of a Qwen2-VL model in the Hub's flat spelling; `parseQwen2VLConfig` reads it back. */
export function qwen2VLConfigToJson(config: Qwen2VLConfig): JsonObject {
  const { text, vision } = config;
  return {
    architectures: ['Qwen2VLForConditionalGeneration'],
    model_type: 'qwen2_vl',
    ...languageModelToJson(config),
    vision_config: {
      ...towerToJson(vision),
      embed_dim: vision.embedDim,
      mlp_ratio: vision.intermediateSize / vision.embedDim,
      hidden_size: text.hiddenSize,
    },
  };
}
