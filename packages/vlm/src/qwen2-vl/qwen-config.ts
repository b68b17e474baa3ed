import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { readAttentionHeads } from '../config/attention-heads.ts';
import { JsonFields, MAX_LAYERS, type JsonObject } from '../config/json-fields.ts';
import type { DecoderConfig } from '../language-model/decoder-config.ts';

/** What the vision towers of Qwen2-VL and Qwen2.5-VL have in common. */
export interface QwenVisionConfig {
  readonly depth: number;
  readonly embedDim: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  readonly inChannels: number;
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly spatialMergeSize: number;
}

/** What the configurations of Qwen2-VL and Qwen2.5-VL have in common. */
export interface QwenConfig extends VisionLanguageConfig {
  readonly vision: QwenVisionConfig;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
}

function readRope(text: JsonFields, where: string): Pick<DecoderConfig, 'ropeTheta' | 'mropeSection'> {
  const places = [text.object(['rope_parameters']), text.object(['rope_scaling'])];
  const rope = new JsonFields(where, places);
  // Old files say `type: mrope`, new ones `rope_type: default` beside it: both mean unscaled frequencies.
  new JsonFields(where, [
    { rope_type: places[0]!['rope_type'] ?? places[1]!['rope_type'] ?? places[1]!['type'] },
  ]).oneOf(['rope_type'], ['default', 'mrope'], 'default');
  const own = text.has('rope_theta') ? text.positive(['rope_theta']) : undefined;
  const ropeTheta = rope.positive(['rope_theta'], own ?? 1e6);
  if (own !== undefined && own !== ropeTheta) text.refuse('one value of rope_theta', `${own} and ${ropeTheta}`);
  return { ropeTheta, mropeSection: rope.numbers(['mrope_section'], { length: 3 }) };
}

function readText(
  text: JsonFields,
  { where, tieWordEmbeddings }: { where: string; tieWordEmbeddings: boolean },
): DecoderConfig {
  const heads = readAttentionHeads(text);
  const { headDim } = heads;
  text.oneOf(['hidden_act'], ['silu'], 'silu');
  if (text.boolean(['use_sliding_window'], false)) text.refuse('use_sliding_window to be false', 'true');
  const rope = readRope(text, where);
  const covered = rope.mropeSection!.reduce((sum, size) => sum + size, 0);
  if (covered !== headDim / 2) text.refuse(`mrope_section to add up to head_dim / 2 = ${headDim / 2}`, `${covered}`);
  return {
    ...heads,
    intermediateSize: text.integer(['intermediate_size']),
    numLayers: text.integer(['num_hidden_layers'], { max: MAX_LAYERS }),
    vocabSize: text.integer(['vocab_size']),
    maxPositionEmbeddings: text.integer(['max_position_embeddings'], { fallback: 32768 }),
    rmsNormEps: text.positive(['rms_norm_eps'], 1e-5),
    ...rope,
    tieWordEmbeddings,
  };
}

/**
 * The language model and the special tokens: flat as on the Hub, or nested under `text_config` as transformers 5 writes
 * them. `head_dim` may be given on its own; else it is hidden_size / num_attention_heads.
 */
export function readLanguageModel(where: string, json: JsonObject): Omit<QwenConfig, 'modelType' | 'vision'> {
  const nested = new JsonFields(where, [json]).object(['text_config']);
  const { text_config: _text, vision_config: _vision, tie_word_embeddings: tied, model_type: _type, ...flat } = json;
  // The root holds ids of its own in nested files, so it is read after `text_config`, and both must agree.
  const fields = new JsonFields(where, [nested, flat]);
  const tieWordEmbeddings = new JsonFields(where, [
    { tie_word_embeddings: tied ?? nested['tie_word_embeddings'] },
  ]).boolean(['tie_word_embeddings'], false);
  const text = readText(fields, { where, tieWordEmbeddings });
  const tokenId = (name: string, fallback: number): number => {
    const id = fields.integer([name], { min: 0, fallback });
    return id < text.vocabSize ? id : fields.refuse(`${name} to be below vocab_size ${text.vocabSize}`, `${id}`);
  };
  return {
    text,
    imageTokenId: tokenId('image_token_id', 151655),
    visionStartTokenId: tokenId('vision_start_token_id', 151652),
    visionEndTokenId: tokenId('vision_end_token_id', 151653),
    bosTokenId: tokenId('bos_token_id', 151643),
    eosTokenId: tokenId('eos_token_id', 151645),
  };
}

/** The sizes of the tower; `names` are the fields that the two architectures spell differently. */
export function readTower(
  vision: JsonFields,
  names: { readonly width: string; readonly mergedWidth: string; readonly textWidth: number },
): Omit<QwenVisionConfig, 'intermediateSize'> {
  const embedDim = vision.integer([names.width]);
  const numHeads = vision.integer(['num_heads']);
  if (embedDim % (4 * numHeads) !== 0) {
    vision.refuse(`vision ${names.width} / num_heads to be a multiple of 4`, `${embedDim} / ${numHeads}`);
  }
  const merged = vision.integer([names.mergedWidth]);
  if (merged !== names.textWidth) {
    vision.refuse(
      `vision ${names.mergedWidth}, the width of the merger's output, to equal the text's ${names.textWidth}`,
      `${merged}`,
    );
  }
  return {
    depth: vision.integer(['depth'], { max: MAX_LAYERS }),
    embedDim,
    numHeads,
    // `in_chans` stands in Hub files too, but the reference ignores it.
    inChannels: vision.integer(['in_channels'], { fallback: 3 }),
    patchSize: vision.integer(['patch_size'], { fallback: 14 }),
    temporalPatchSize: vision.integer(['temporal_patch_size'], { fallback: 2 }),
    spatialMergeSize: vision.integer(['spatial_merge_size'], { fallback: 2 }),
  };
}

/** Language model and special tokens in the Hub's flat spelling. */
export function languageModelToJson({ text, ...config }: QwenConfig): JsonObject {
  return {
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
  };
}

/** The tower's fields that both architectures spell alike. */
export function towerToJson(vision: QwenVisionConfig): JsonObject {
  return {
    depth: vision.depth,
    num_heads: vision.numHeads,
    in_channels: vision.inChannels,
    patch_size: vision.patchSize,
    spatial_merge_size: vision.spatialMergeSize,
    spatial_patch_size: vision.patchSize,
    temporal_patch_size: vision.temporalPatchSize,
  };
}
