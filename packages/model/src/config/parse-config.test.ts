import { LatteFlowError } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { tinyJson } from '../testing/tiny-stream.ts';
import { DEFAULT_PROMPT_TEMPLATE, layersPerGroup, renderPrompt, tokenGrid } from './latte-flow-config.ts';
import { parseLatteFlowConfig, serialiseLatteFlowConfig } from './parse-config.ts';

const required = {
  hidden_size: 64,
  intermediate_size: 128,
  num_layers: 8,
  num_heads: 4,
  latent_channels: 3,
  latent_size: 8,
};

describe('parseLatteFlowConfig', () => {
  test('fills in the defaults', () => {
    expect(parseLatteFlowConfig(required)).toEqual({
      hiddenSize: 64,
      intermediateSize: 128,
      numLayers: 8,
      numHeads: 4,
      numKvHeads: 4,
      headDim: 16,
      rmsNormEps: 1e-6,
      ropeTheta: 1e6,
      mropeSection: undefined,
      latentChannels: 3,
      latentSize: 8,
      patchSize: 1,
      numGroups: 4,
      boundaries: undefined,
      timeFrequencyDim: 256,
      residualAttention: 'scores',
      qkvBias: true,
      promptTemplate: DEFAULT_PROMPT_TEMPLATE,
      nullPrompt: '<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n',
    });
  });

  test('a head size of its own needs no hidden size to match, and unknown keys are left alone', () => {
    const json = { ...required, hidden_size: 30, head_dim: 12, model_type: 'latte_flow', later: true };
    expect(parseLatteFlowConfig(json).headDim).toBe(12);
    expect(parseLatteFlowConfig({ ...required, prompt_template: 'Draw {prompt}.' }).nullPrompt).toBe('Draw .');
  });

  test.each([
    [null, 'a JSON object, got null'],
    ['{}', 'a JSON object'],
    ...Object.keys(required).map((name): [object, string] => [{ ...required, [name]: undefined }, name]),
    [{ ...required, hidden_size: 0 }, 'hidden_size to be an integer >= 1, got 0'],
    [{ ...required, num_layers: 7.5 }, 'num_layers to be an integer in [1, 1000], got 7.5'],
    [{ ...required, hidden_size: 66 }, 'hidden_size to be a multiple of num_heads = 4, got 66'],
    [{ ...required, head_dim: 15 }, 'head_dim to be a multiple of 2'],
    [{ ...required, num_kv_heads: 3 }, 'num_heads to be a multiple of num_kv_heads = 3, got 4'],
    [{ ...required, num_groups: 3 }, 'num_layers to be a multiple of num_groups = 3, got 8'],
    [{ ...required, patch_size: 3 }, 'latent_size to be a multiple of patch_size = 3, got 8'],
    [{ ...required, time_frequency_dim: 5 }, 'time_frequency_dim to be a multiple of 2'],
    [{ ...required, mrope_section: [2, 3, 4] }, 'mrope_section to add up to head_dim / 2 = 8, got 9'],
    [{ ...required, mrope_section: 8 }, 'mrope_section to be a list, got 8'],
    [{ ...required, mrope_section: [2, '3', 3] }, 'mrope_section[1] to be a finite number, got "3"'],
    [{ ...required, mrope_section: [2.5, 2.5, 3] }, 'mrope_section[0] to be an integer >= 0, got 2.5'],
    [{ ...required, boundaries: [0, 0.5, 1] }, 'boundaries to be 5 ascending times from 0 to 1'],
    [{ ...required, boundaries: [0, 0.5, 0.5, 0.7, 1] }, 'boundaries to be 5 ascending'],
    [{ ...required, boundaries: [0.1, 0.2, 0.5, 0.7, 1] }, 'boundaries to be 5 ascending'],
    [{ ...required, boundaries: [0, 0.2, 0.5, 0.7, 0.9] }, 'boundaries to be 5 ascending'],
    [{ ...required, rms_norm_eps: -1 }, 'rms_norm_eps to be a finite number >= 0'],
    [{ ...required, rope_theta: '1e6' }, 'rope_theta to be a finite number >= 1, got "1e6"'],
    [{ ...required, residual_attention: 'sum' }, 'residual_attention to be one of scores, probabilities, off'],
    [{ ...required, prompt_template: 'Draw it.' }, 'prompt_template to contain {prompt}'],
    [{ ...required, prompt_template: 3 }, 'prompt_template to be text, got 3'],
    [{ ...required, null_prompt: [] }, 'null_prompt to be text'],
    [{ ...required, qkv_bias: 'no' }, 'qkv_bias to be true or false, got "no"'],
  ])('refuses what cannot be (%#)', (json, message) => {
    const refused = () => parseLatteFlowConfig(json);
    expect(refused).toThrow(LatteFlowError);
    expect(refused).toThrow(message);
  });

  test.each([
    required,
    tinyJson,
    { ...required, boundaries: [0, 0.1, 0.3, 0.6, 1], residual_attention: 'off', qkv_bias: false, null_prompt: 'none' },
  ])('serialising and parsing again changes nothing (%#)', (json) => {
    const config = parseLatteFlowConfig(json);
    expect(parseLatteFlowConfig(JSON.parse(JSON.stringify(serialiseLatteFlowConfig(config))))).toEqual(config);
  });
});

test('a prompt goes into its slot as it is', () => {
  const config = parseLatteFlowConfig({ ...required, prompt_template: 'a {prompt} b {prompt}' });
  expect(renderPrompt(config, "$& $' {prompt}")).toBe("a $& $' {prompt} b $& $' {prompt}");
});

test('layers of a group, tokens of a picture', () => {
  const config = parseLatteFlowConfig({ ...required, patch_size: 2 });
  expect(layersPerGroup(config)).toBe(2);
  expect(tokenGrid(config)).toEqual({ side: 4, tokens: 16 });
});
