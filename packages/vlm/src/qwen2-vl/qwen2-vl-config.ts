import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { JsonFields, type JsonObject } from '../config/json-fields.ts';
import type { DecoderConfig } from '../language-model/decoder-config.ts';

/** The vision tower of Qwen2-VL. */
export interface Qwen2VLVisionConfig {
  readonly depth: number;
  readonly embedDim: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  readonly inChannels: number;
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly spatialMergeSize: number;
}

export interface Qwen2VLConfig extends VisionLanguageConfig {
  readonly modelType: 'qwen2_vl';
  readonly vision: Qwen2VLVisionConfig;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
}

const WHERE = 'parseQwen2VLConfig';

function readRope(text: JsonFields): Pick<DecoderConfig, 'ropeTheta' | 'mropeSection'> {
  const places = [text.object(['rope_parameters']), text.object(['rope_scaling'])];
  const rope = new JsonFields(WHERE, places);
  // Old files say `type: mrope`, new ones `rope_type: default` beside it: both mean unscaled frequencies.
  new JsonFields(WHERE, [
    { rope_type: places[0]!['rope_type'] ?? places[1]!['rope_type'] ?? places[1]!['type'] },
  ]).oneOf(['rope_type'], ['default', 'mrope'], 'default');
  const own = text.has('rope_theta') ? text.positive(['rope_theta']) : undefined;
  const ropeTheta = rope.positive(['rope_theta'], own ?? 1e6);
  if (own !== undefined && own !== ropeTheta) text.refuse('one value of rope_theta', `${own} and ${ropeTheta}`);
  return { ropeTheta, mropeSection: rope.numbers(['mrope_section'], { length: 3 }) };
}

function readText(text: JsonFields, tieWordEmbeddings: boolean): DecoderConfig {
  const hiddenSize = text.integer(['hidden_size']);
  const numHeads = text.integer(['num_attention_heads']);
  const numKeyValueHeads = text.integer(['num_key_value_heads'], { fallback: numHeads });
  if (numHeads % numKeyValueHeads !== 0) {
    text.refuse('num_attention_heads to be a multiple of num_key_value_heads', `${numHeads} and ${numKeyValueHeads}`);
  }
  if (!text.has('head_dim') && hiddenSize % numHeads !== 0) {
    text.refuse('head_dim, or hidden_size to be a multiple of num_attention_heads', `${hiddenSize} and ${numHeads}`);
  }
  const headDim = text.integer(['head_dim'], { min: 2, fallback: hiddenSize / numHeads });
  text.oneOf(['hidden_act'], ['silu'], 'silu');
  if (text.boolean(['use_sliding_window'], false)) text.refuse('use_sliding_window to be false', 'true');
  const rope = readRope(text);
  const covered = rope.mropeSection!.reduce((sum, size) => sum + size, 0);
  if (covered !== headDim / 2) text.refuse(`mrope_section to add up to head_dim / 2 = ${headDim / 2}`, `${covered}`);
  return {
    hiddenSize,
    intermediateSize: text.integer(['intermediate_size']),
    numLayers: text.integer(['num_hidden_layers']),
    numHeads,
    numKeyValueHeads,
    headDim,
    vocabSize: text.integer(['vocab_size']),
    maxPositionEmbeddings: text.integer(['max_position_embeddings'], { fallback: 32768 }),
    rmsNormEps: text.positive(['rms_norm_eps'], 1e-5),
    ...rope,
    tieWordEmbeddings,
  };
}

function readVision(vision: JsonFields, hiddenSize: number): Qwen2VLVisionConfig {
  const embedDim = vision.integer(['embed_dim']);
  const numHeads = vision.integer(['num_heads']);
  if (embedDim % (4 * numHeads) !== 0) {
    vision.refuse('vision embed_dim / num_heads to be a multiple of 4', `${embedDim} / ${numHeads}`);
  }
  const merged = vision.integer(['hidden_size']);
  if (merged !== hiddenSize) {
    vision.refuse(
      `vision hidden_size, the width of the merger's output, to equal the text's ${hiddenSize}`,
      `${merged}`,
    );
  }
  vision.oneOf(['hidden_act'], ['quick_gelu'], 'quick_gelu');
  const ratio = vision.positive(['mlp_ratio'], 4);
  return {
    depth: vision.integer(['depth']),
    embedDim,
    numHeads,
    intermediateSize: Math.trunc(embedDim * ratio),
    // `in_chans` stands in Hub files too, but the reference ignores it.
    inChannels: vision.integer(['in_channels'], { fallback: 3 }),
    patchSize: vision.integer(['patch_size'], { fallback: 14 }),
    temporalPatchSize: vision.integer(['temporal_patch_size'], { fallback: 2 }),
    spatialMergeSize: vision.integer(['spatial_merge_size'], { fallback: 2 }),
  };
}

/**
 * Reads the `config.json` of a Qwen2-VL checkpoint: flat as on the Hub, or nested under `text_config` as
 * transformers 5 writes it. `head_dim` may be given on its own; else it is hidden_size / num_attention_heads.
 * @throws LatteFlowError `checkpoint-invalid` for a missing, wrong or contradicting field, naming it
 */
export function parseQwen2VLConfig(json: JsonObject): Qwen2VLConfig {
  const root = new JsonFields(WHERE, [json]);
  const nested = root.object(['text_config']);
  const { text_config: _text, vision_config: _vision, tie_word_embeddings: tied, model_type: _type, ...flat } = json;
  // The root holds ids of its own in nested files, so it is read after `text_config`, and both must agree.
  const text = new JsonFields(WHERE, [nested, flat]);
  const tieWordEmbeddings = new JsonFields(WHERE, [
    { tie_word_embeddings: tied ?? nested['tie_word_embeddings'] },
  ]).boolean(['tie_word_embeddings'], false);
  const decoder = readText(text, tieWordEmbeddings);
  const vision = readVision(new JsonFields(WHERE, [root.object(['vision_config'])]), decoder.hiddenSize);
  const tokenId = (name: string, fallback: number): number => {
    const id = text.integer([name], { min: 0, fallback });
    return id < decoder.vocabSize ? id : text.refuse(`${name} to be below vocab_size ${decoder.vocabSize}`, `${id}`);
  };
  return {
    modelType: 'qwen2_vl',
    text: decoder,
    vision,
    imageTokenId: tokenId('image_token_id', 151655),
    visionStartTokenId: tokenId('vision_start_token_id', 151652),
    visionEndTokenId: tokenId('vision_end_token_id', 151653),
    bosTokenId: tokenId('bos_token_id', 151643),
    eosTokenId: tokenId('eos_token_id', 151645),
  };
}

/** The `config.json` of a Qwen2-VL model in the Hub's flat spelling; `parseQwen2VLConfig` reads it back. */
export function qwen2VLConfigToJson(config: Qwen2VLConfig): JsonObject {
  const { text, vision } = config;
  return {
    architectures: ['Qwen2VLForConditionalGeneration'],
    model_type: 'qwen2_vl',
    hidden_size: text.hiddenSize,
    intermediate_size: text.intermediateSize,
    num_hidden_layers: text.numLayers,
    num_attention_heads: text.numHeads,
    num_key_value_heads: text.numKeyValueHeads,
    ...(text.headDim * text.numHeads === text.hiddenSize ? {} : { head_dim: text.headDim }),
    hidden_act: 'silu',
    vocab_size: text.vocabSize,
    max_position_embeddings: text.maxPositionEmbeddings,
    rms_norm_eps: text.rmsNormEps,
    rope_theta: text.ropeTheta,
    rope_scaling: { type: 'mrope', mrope_section: text.mropeSection },
    tie_word_embeddings: text.tieWordEmbeddings,
    use_sliding_window: false,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    vision_start_token_id: config.visionStartTokenId,
    vision_end_token_id: config.visionEndTokenId,
    image_token_id: config.imageTokenId,
    vision_config: {
      depth: vision.depth,
      embed_dim: vision.embedDim,
      num_heads: vision.numHeads,
      mlp_ratio: vision.intermediateSize / vision.embedDim,
      in_channels: vision.inChannels,
      hidden_size: text.hiddenSize,
      patch_size: vision.patchSize,
      spatial_merge_size: vision.spatialMergeSize,
      spatial_patch_size: vision.patchSize,
      temporal_patch_size: vision.temporalPatchSize,
    },
  };
}
