import { JsonFields, type JsonObject } from '../config/json-fields.ts';
import { languageModelToJson, readLanguageModel, readTower, towerToJson } from '../qwen2-vl/qwen-config.ts';
import type { QwenConfig, QwenVisionConfig } from '../qwen2-vl/qwen-config.ts';

export interface Qwen25VLVisionConfig extends QwenVisionConfig {
  /** Side of an attention window in pixels. */
  readonly windowSize: number;
  /** The blocks whose patches attend to their whole frame. */
  readonly fullAttentionBlocks: readonly number[];
}

export interface Qwen25VLConfig extends QwenConfig {
  readonly modelType: 'qwen2_5_vl';
  readonly vision: Qwen25VLVisionConfig;
}

const WHERE = 'parseQwen25VLConfig';

function readVision(vision: JsonFields, textWidth: number): Qwen25VLVisionConfig {
  const tower = readTower(vision, { width: 'hidden_size', mergedWidth: 'out_hidden_size', textWidth });
  vision.oneOf(['hidden_act'], ['silu'], 'silu');
  const cell = tower.patchSize * tower.spatialMergeSize;
  const fullAttentionBlocks = vision.numbers(['fullatt_block_indexes'], { fallback: [7, 15, 23, 31] });
  if (!fullAttentionBlocks.every((block) => Number.isSafeInteger(block) && block >= 0)) {
    vision.refuse('fullatt_block_indexes to be integers >= 0', fullAttentionBlocks.join(', '));
  }
  return {
    ...tower,
    intermediateSize: vision.integer(['intermediate_size']),
    windowSize: vision.integer(['window_size'], { min: cell, fallback: 112 }),
    fullAttentionBlocks,
  };
}

/**
 * Reads the `config.json` of a Qwen2.5-VL checkpoint, flat as on the Hub or nested as transformers 5 writes it. The
 * language model is read as Qwen2-VL's.
 * @throws LatteFlowError `checkpoint-invalid` for a missing, wrong or contradicting field, naming it
 */
export function parseQwen25VLConfig(json: JsonObject): Qwen25VLConfig {
  const languageModel = readLanguageModel(WHERE, json);
  const vision = new JsonFields(WHERE, [new JsonFields(WHERE, [json]).object(['vision_config'])]);
  return { modelType: 'qwen2_5_vl', ...languageModel, vision: readVision(vision, languageModel.text.hiddenSize) };
}

/** The `config.json` of a Qwen2.5-VL model in the Hub's flat spelling; `parseQwen25VLConfig` reads it back. */
export function qwen25VLConfigToJson(config: Qwen25VLConfig): JsonObject {
  const { text, vision } = config;
  return {
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    ...languageModelToJson(config),
    vision_config: {
      ...towerToJson(vision),
      hidden_size: vision.embedDim,
      intermediate_size: vision.intermediateSize,
      out_hidden_size: text.hiddenSize,
      hidden_act: 'silu',
      window_size: vision.windowSize,
      fullatt_block_indexes: vision.fullAttentionBlocks,
    },
  };
}
