import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { readAttentionHeads } from '../config/attention-heads.ts';
import { JsonFields, MAX_LAYERS, type JsonObject } from '../config/json-fields.ts';
import type { DecoderConfig } from '../language-model/decoder-config.ts';

/** The SigLIP tower of Idefics3 and SmolVLM. */
export interface Idefics3VisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly depth: number;
  readonly numHeads: number;
  readonly inChannels: number;
  /** Pixels an edge for which the positions were learned: one for each of its `(imageSize / patchSize)²` patches. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly layerNormEps: number;
}

export interface Idefics3Config extends VisionLanguageConfig {
  readonly modelType: 'idefics3' | 'smolvlm';
  readonly vision: Idefics3VisionConfig;
  /** `scaleFactor` x `scaleFactor` patches become one token. */
  readonly scaleFactor: number;
}

const WHERE = 'parseIdefics3Config';

function readRopeTheta(text: JsonFields): number {
  const rope = new JsonFields(WHERE, [text.object(['rope_parameters']), text.object(['rope_scaling'])]);
  rope.oneOf(['rope_type', 'type'], ['default'], 'default');
  return new JsonFields(WHERE, [
    { rope_theta: text.has('rope_theta') ? text.positive(['rope_theta']) : undefined },
    { rope_theta: rope.has('rope_theta') ? rope.positive(['rope_theta']) : undefined },
  ]).positive(['rope_theta'], 10000);
}

function readText(text: JsonFields, tieWordEmbeddings: boolean): DecoderConfig {
  const heads = readAttentionHeads(text, { hiddenSize: 4096, numHeads: 32 });
  const { headDim } = heads;
  if (headDim % 2 !== 0) text.refuse('head_dim to be even', `${headDim}`);
  text.oneOf(['hidden_act'], ['silu'], 'silu');
  for (const name of ['attention_bias', 'mlp_bias']) {
    if (text.boolean([name], false)) text.refuse(`${name} to be false`, 'true');
  }
  return {
    ...heads,
    intermediateSize: text.integer(['intermediate_size'], { fallback: 11008 }),
    numLayers: text.integer(['num_hidden_layers'], { max: MAX_LAYERS, fallback: 32 }),
    vocabSize: text.integer(['vocab_size']),
    maxPositionEmbeddings: text.integer(['max_position_embeddings'], { fallback: 2048 }),
    rmsNormEps: text.positive(['rms_norm_eps'], 1e-6),
    ropeTheta: readRopeTheta(text),
    tieWordEmbeddings,
    attentionBias: false,
  };
}

function readVision(vision: JsonFields): Idefics3VisionConfig {
  const hiddenSize = vision.integer(['hidden_size'], { fallback: 1152 });
  const numHeads = vision.integer(['num_attention_heads'], { fallback: 16 });
  if (hiddenSize % numHeads !== 0) {
    vision.refuse('vision hidden_size to be a multiple of num_attention_heads', `${hiddenSize} and ${numHeads}`);
  }
  const imageSize = vision.integer(['image_size'], { fallback: 224 });
  const patchSize = vision.integer(['patch_size'], { fallback: 32 });
  if (patchSize > imageSize) vision.refuse(`patch_size <= image_size ${imageSize}`, `${patchSize}`);
  vision.oneOf(['hidden_act'], ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh');
  return {
    hiddenSize,
    intermediateSize: vision.integer(['intermediate_size'], { fallback: 3072 }),
    depth: vision.integer(['num_hidden_layers'], { max: MAX_LAYERS, fallback: 12 }),
    numHeads,
    inChannels: vision.integer(['num_channels'], { fallback: 3 }),
    imageSize,
    patchSize,
    layerNormEps: vision.positive(['layer_norm_eps'], 1e-6),
  };
}

/**
 * Reads the `config.json` of an Idefics3 or SmolVLM checkpoint. What it leaves out takes the defaults of the classes
 * of transformers, as Hub files rely on.
 * @throws LatteFlowError `checkpoint-invalid` for a missing, wrong or contradicting field, naming it
 */
export function parseIdefics3Config(json: JsonObject): Idefics3Config {
  const root = new JsonFields(WHERE, [json]);
  const nested = root.object(['text_config']);
  const text = new JsonFields(WHERE, [nested, { vocab_size: json['vocab_size'] }]);
  const tied = { tie_word_embeddings: json['tie_word_embeddings'] ?? nested['tie_word_embeddings'] };
  const decoder = readText(text, new JsonFields(WHERE, [tied]).boolean(['tie_word_embeddings'], false));
  // Llama files may list several ends; the first stands for all where one id is needed.
  const ids = new JsonFields(WHERE, [{ ...nested, eos_token_id: [nested['eos_token_id'] ?? 2].flat()[0] }]);
  const tokenId = (fields: JsonFields, name: string, fallback: number): number => {
    const id = fields.integer([name], { min: 0, fallback });
    return id < decoder.vocabSize ? id : fields.refuse(`${name} to be below vocab_size ${decoder.vocabSize}`, `${id}`);
  };
  return {
    modelType: root.oneOf(['model_type'], ['idefics3', 'smolvlm'], 'idefics3'),
    text: decoder,
    vision: readVision(new JsonFields(WHERE, [root.object(['vision_config'])])),
    scaleFactor: root.integer(['scale_factor'], { fallback: 2 }),
    imageTokenId: tokenId(root, 'image_token_id', 128257),
    bosTokenId: tokenId(ids, 'bos_token_id', 1),
    eosTokenId: tokenId(ids, 'eos_token_id', 2),
  };
}

/** The `config.json` of a model; `parseIdefics3Config` reads it back. */
export function idefics3ConfigToJson(config: Idefics3Config): JsonObject {
  const { text, vision } = config;
  const name = config.modelType === 'smolvlm' ? 'SmolVLM' : 'Idefics3';
  return {
    architectures: [`${name}ForConditionalGeneration`],
    model_type: config.modelType,
    image_token_id: config.imageTokenId,
    scale_factor: config.scaleFactor,
    tie_word_embeddings: text.tieWordEmbeddings,
    vocab_size: text.vocabSize,
    text_config: {
      model_type: 'llama',
      hidden_size: text.hiddenSize,
      intermediate_size: text.intermediateSize,
      num_hidden_layers: text.numLayers,
      num_attention_heads: text.numHeads,
      num_key_value_heads: text.numKeyValueHeads,
      head_dim: text.headDim,
      hidden_act: 'silu',
      attention_bias: false,
      mlp_bias: false,
      vocab_size: text.vocabSize,
      max_position_embeddings: text.maxPositionEmbeddings,
      rms_norm_eps: text.rmsNormEps,
      rope_theta: text.ropeTheta,
      bos_token_id: config.bosTokenId,
      eos_token_id: config.eosTokenId,
    },
    vision_config: {
      model_type: config.modelType === 'smolvlm' ? 'smolvlm_vision' : 'idefics3_vision',
      hidden_size: vision.hiddenSize,
      intermediate_size: vision.intermediateSize,
      num_hidden_layers: vision.depth,
      num_attention_heads: vision.numHeads,
      num_channels: vision.inChannels,
      image_size: vision.imageSize,
      patch_size: vision.patchSize,
      hidden_act: 'gelu_pytorch_tanh',
      layer_norm_eps: vision.layerNormEps,
    },
  };
}
