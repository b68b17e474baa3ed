import { expect, test } from 'vitest';

import { parseVisionLanguageConfig } from '../adapter/registry.ts';
import { idefics3ConfigToJson, parseIdefics3Config } from './idefics3-config.ts';
import { idefics3ParameterShapes } from './parameter-shapes.ts';

/** SmolVLM-256M-Instruct as the Hub has it, without what no one reads. */
const smol = {
  model_type: 'idefics3',
  image_token_id: 49190,
  pad_token_id: 128002,
  scale_factor: 4,
  tie_word_embeddings: false,
  vocab_size: 49280,
  text_config: {
    model_type: 'llama',
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    head_dim: 64,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_scaling: null,
    rope_theta: 100000,
    vocab_size: 49280,
  },
  vision_config: { hidden_size: 768, image_size: 512, num_attention_heads: 12, patch_size: 16 },
};

test('SmolVLM-256M: absent fields take the defaults of the classes, and the parameters add up', () => {
  const config = parseIdefics3Config(smol);
  expect(config.vision).toMatchObject({ intermediateSize: 3072, depth: 12, inChannels: 3, layerNormEps: 1e-6 });
  expect(config.text).toMatchObject({ numKeyValueHeads: 3, ropeTheta: 100000, attentionBias: false });
  expect(config.eosTokenId).toBe(2);
  const sizes = [...idefics3ParameterShapes(config).values()].map((shape) => shape.reduce((n, axis) => n * axis, 1));
  expect(sizes.reduce((total, size) => total + size, 0)).toBe(256_484_928);
});

test('both names of the architecture and both spellings of RoPE read, and what is written reads back', () => {
  const { rope_theta, rope_scaling: _, ...text } = smol.text_config;
  const nested = { ...smol, text_config: { ...text, rope_parameters: { rope_theta, rope_type: 'default' } } };
  expect(parseVisionLanguageConfig(nested)).toEqual(parseIdefics3Config(smol));
  const second = parseIdefics3Config({ ...smol, model_type: 'smolvlm' });
  expect(second.modelType).toBe('smolvlm');
  expect(parseIdefics3Config(idefics3ConfigToJson(second))).toEqual(second);
});

test('a tied head has no parameter of its own', () => {
  const tied = parseIdefics3Config({ ...smol, tie_word_embeddings: true });
  expect(idefics3ParameterShapes(tied).has('lm_head.weight')).toBe(false);
  expect(idefics3ParameterShapes(parseIdefics3Config(smol)).has('lm_head.weight')).toBe(true);
});

test('the first of several ends of sequence stands for them', () => {
  expect(parseIdefics3Config({ ...smol, text_config: { ...smol.text_config, eos_token_id: [7, 9] } }).eosTokenId).toBe(
    7,
  );
});

test.each([
  ['another scaling of RoPE', { text_config: { ...smol.text_config, rope_scaling: { rope_type: 'llama3' } } }, 'type'],
  ['biases', { text_config: { ...smol.text_config, attention_bias: true } }, 'attention_bias'],
  ['heads that do not divide', { text_config: { ...smol.text_config, num_key_value_heads: 4 } }, 'key_value_heads'],
  ['two sizes of the vocabulary', { vocab_size: 5 }, 'vocab_size'],
  ['an image token beyond the vocabulary', { image_token_id: 49280 }, 'image_token_id to be below vocab_size'],
  ['a patch larger than the image', { vision_config: { image_size: 8, patch_size: 16 } }, 'patch_size'],
  ['a width that vision heads do not divide', { vision_config: { hidden_size: 100 } }, 'vision hidden_size'],
  ['another activation', { vision_config: { hidden_act: 'gelu' } }, 'hidden_act'],
  ['a vision side that is no object', { vision_config: 3 }, 'vision_config'],
])('refuses %s', (_, fields, message) => {
  const parse = (): unknown => parseIdefics3Config({ ...smol, ...fields });
  expect(parse).toThrow(expect.objectContaining({ code: 'checkpoint-invalid' }));
  expect(parse).toThrow(message);
});
