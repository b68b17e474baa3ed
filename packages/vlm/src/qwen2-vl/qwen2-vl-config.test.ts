import { expect, test } from 'vitest';

import { GoldenVlm, vlmFixtures } from '../testing/golden-vlm.ts';
import { parseVisionLanguageConfig } from '../adapter/registry.ts';
import { isJsonObject, type JsonObject } from '../config/json-fields.ts';
import { parseQwen2VLConfig, qwen2VLConfigToJson } from './qwen2-vl-config.ts';

const golden = new GoldenVlm(vlmFixtures('qwen2_vl')[0]!);

function json(file: string): JsonObject {
  const value = golden.json(file);
  if (!isJsonObject(value)) throw new Error('Not an object.');
  return value;
}

const flat = json('config.json');

test('the flat and the nested spelling read alike, and what is written reads back', () => {
  const config = parseQwen2VLConfig(flat);
  // Special tokens that the nested spelling of the reference keeps are the same.
  expect(parseQwen2VLConfig(json('config_v5.json'))).toEqual(config);
  expect(parseQwen2VLConfig(qwen2VLConfigToJson(config))).toEqual(config);
  expect(config.text).toMatchObject({ headDim: 16, mropeSection: [2, 3, 3], ropeTheta: 1e6, tieWordEmbeddings: true });
  expect(config.vision).toMatchObject({ embedDim: 32, intermediateSize: 128, patchSize: 14 });
});

test('head_dim may be given on its own', () => {
  const wide = { ...flat, head_dim: 32, rope_scaling: { type: 'mrope', mrope_section: [4, 6, 6] } };
  const config = parseQwen2VLConfig(wide);
  expect(config.text.headDim).toBe(32);
  expect(parseQwen2VLConfig(qwen2VLConfigToJson(config))).toEqual(config);
});

test.each([
  ['a missing size', { hidden_size: undefined }, 'hidden_size to be an integer >= 1, got undefined'],
  ['a size that is a string', { num_hidden_layers: '4' }, 'num_hidden_layers'],
  ['heads that do not divide', { num_attention_heads: 5 }, 'multiple of num_key_value_heads'],
  ['a width that heads do not divide', { num_attention_heads: 6 }, 'head_dim, or hidden_size'],
  [
    'sections that do not add up',
    { rope_scaling: { type: 'mrope', mrope_section: [2, 3, 2] } },
    'head_dim / 2 = 8, got 7',
  ],
  ['another scaling', { rope_scaling: { type: 'yarn', mrope_section: [2, 3, 3] } }, 'rope_type'],
  ['sliding windows', { use_sliding_window: true }, 'use_sliding_window'],
  ['another activation', { hidden_act: 'gelu' }, 'hidden_act'],
  ['a special token outside the vocabulary', { image_token_id: 256 }, 'image_token_id to be below vocab_size 256'],
  ['two spellings that disagree', { text_config: { hidden_size: 32 } }, 'one value of hidden_size, got 32 and 64'],
  ['two values of rope_theta', { rope_parameters: { rope_theta: 5 } }, 'rope_theta'],
  [
    'a tower of another width',
    { vision_config: { ...(flat['vision_config'] as object), hidden_size: 32 } },
    "the text's 64, got 32",
  ],
  ['no tower', { vision_config: undefined }, 'embed_dim'],
])('refuses %s', (_, change, message) => {
  expect(() => parseQwen2VLConfig({ ...flat, ...change })).toThrow(message);
  expect(() => parseQwen2VLConfig({ ...flat, ...change })).toThrow(
    expect.objectContaining({ code: 'checkpoint-invalid' }),
  );
});

test('an unknown model_type lists the known ones', () => {
  for (const value of [{ model_type: 'llava' }, {}, null, 'text']) {
    expect(() => parseVisionLanguageConfig(value)).toThrow('one of qwen2_vl');
  }
});
