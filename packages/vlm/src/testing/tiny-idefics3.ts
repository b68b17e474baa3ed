import { parseIdefics3Config, type Idefics3Config } from '../idefics3/idefics3-config.ts';
import { byteTokenizer } from './byte-tokenizer.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';

/** A model of a few thousand parameters: tiles of 4 x 4 patches, of which 2 x 2 become a token. */
export const tinyIdefics3Config: Idefics3Config = parseIdefics3Config({
  model_type: 'smolvlm',
  image_token_id: 246,
  scale_factor: 2,
  vocab_size: 256,
  text_config: {
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 8,
    max_position_embeddings: 256,
  },
  vision_config: {
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    image_size: 16,
    patch_size: 4,
  },
});

/** Bytes as ids, and the special tokens of SmolVLM above them. */
export function tinyIdefics3Tokenizer(): TextTokenizer {
  const cells = Array.from({ length: 9 }, (_, i) => [`<row_${Math.floor(i / 3) + 1}_col_${(i % 3) + 1}>`, 220 + i]);
  return byteTokenizer({
    '<|im_start|>': 1,
    '<|im_end|>': 2,
    '<global-img>': 219,
    ...Object.fromEntries(cells),
    '<fake_token_around_image>': 245,
    '<image>': 246,
    '<end_of_utterance>': 255,
  });
}
