import type { JsonObject } from '../config/json-fields.ts';
import { idefics3ConfigToJson } from '../idefics3/idefics3-config.ts';
import { tinyIdefics3Config, tinyIdefics3Tokenizer } from './tiny-idefics3.ts';
import type { TinyModelFiles } from './tiny-model.ts';

const QWEN_TEXT = {
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 208,
  max_position_embeddings: 256,
  bos_token_id: 200,
  eos_token_id: 201,
};
const QWEN_IDS = { image_token_id: 202, vision_start_token_id: 203, vision_end_token_id: 204 };
const QWEN_TOWER = { num_heads: 2, in_channels: 3, patch_size: 4, spatial_merge_size: 2, temporal_patch_size: 2 };
const MROPE = [2, 1, 1];

function qwenFiles(modelType: string, vision: JsonObject): TinyModelFiles {
  const root = { model_type: modelType, ...QWEN_IDS, vision_config: { ...QWEN_TOWER, ...vision } };
  const nested = { ...QWEN_TEXT, rope_parameters: { rope_type: 'default', rope_theta: 1e6, mrope_section: MROPE } };
  const rope_scaling = { type: 'mrope', mrope_section: MROPE };
  return {
    config: { ...root, ...QWEN_TEXT, rope_theta: 1e6, rope_scaling, tie_word_embeddings: true },
    sameConfigs: [
      { ...root, text_config: nested, tie_word_embeddings: true },
      { ...root, text_config: { ...nested, tie_word_embeddings: true } },
    ],
    preprocessor: { min_pixels: 64, max_pixels: 4096 },
    tokenizer: { encode: () => [] },
    imageSizes: [
      [40, 24],
      [16, 24],
    ],
  };
}

/** A tiny model of every architecture, by `model_type`. A new adapter adds its own. */
export const tinyModels: Readonly<Record<string, TinyModelFiles>> = {
  qwen2_vl: qwenFiles('qwen2_vl', { depth: 2, embed_dim: 16, mlp_ratio: 2, hidden_size: 16 }),
  // Windows of 2 x 2 tokens over pictures of 5 x 3 and 2 x 3: whole ones, both edges and a corner.
  qwen2_5_vl: qwenFiles('qwen2_5_vl', {
    depth: 3,
    hidden_size: 16,
    intermediate_size: 24,
    out_hidden_size: 16,
    window_size: 16,
    fullatt_block_indexes: [1],
  }),
  ...Object.fromEntries(
    ['idefics3', 'smolvlm'].map((modelType): [string, TinyModelFiles] => {
      const config = { ...idefics3ConfigToJson(tinyIdefics3Config), model_type: modelType, tie_word_embeddings: true };
      const files: TinyModelFiles = {
        config,
        sameConfigs: [],
        preprocessor: { size: { longest_edge: 32 }, max_image_size: { longest_edge: 16 } },
        tokenizer: tinyIdefics3Tokenizer(),
        imageSizes: [
          [32, 9],
          [20, 30],
        ],
      };
      return [modelType, files];
    }),
  ),
};
