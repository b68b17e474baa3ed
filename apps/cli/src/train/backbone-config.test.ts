import { expect, test } from 'vitest';

import { parseTrainedBackbone } from './backbone-config.ts';

test('architectures that scenes are not made for, or unknown ones, are refused', () => {
  const text_config = { hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 1 };
  const smolvlm = {
    model_type: 'smolvlm',
    image_token_id: 3,
    vocab_size: 8,
    text_config: { ...text_config, vocab_size: 8 },
  };
  expect(() => parseTrainedBackbone(smolvlm)).toThrow('train: expected model_type to be one of qwen2_vl, qwen2_5_vl');
  expect(() => parseTrainedBackbone({ model_type: 'odd' })).toThrow('model_type');
  expect(() => parseTrainedBackbone({ model_type: 'qwen2_vl' })).toThrow('hidden_size');
});
