import type { BytePairEncoding } from './byte-pair-encoding.ts';
import { WORD_PATTERN } from './pre-tokenizer.ts';

/** The special tokens of Qwen2-VL that this project uses, in the order of their ids, after all others. */
export const specialTokens = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
] as const;

/** The conversation format of Qwen2-VL: a default system message, then `<|im_start|>role`, content, `<|im_end|>`. */
const CHAT_TEMPLATE = [
  "{%- if messages[0].role != 'system' -%}",
  "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}",
  '{%- endif -%}',
  '{%- for message in messages -%}',
  "{{ '<|im_start|>' + message.role + '\\n' }}",
  '{%- if message.content is string -%}{{ message.content }}',
  '{%- else -%}',
  '{%- for part in message.content -%}',
  "{%- if part.type == 'image' -%}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}",
  "{%- elif part.type == 'video' -%}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}",
  '{%- else -%}{{ part.text }}',
  '{%- endif -%}',
  '{%- endfor -%}',
  '{%- endif -%}',
  "{{ '<|im_end|>\\n' }}",
  '{%- endfor -%}',
  "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
].join('');

const addedToken = (content: string) => ({
  content,
  lstrip: false,
  normalized: false,
  rstrip: false,
  single_word: false,
  special: true,
});

/** `tokenizer.json` of the Hugging Face tokenizers format. */
export function tokenizerJson({ tokens, merges }: BytePairEncoding): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, i) => ({ id: tokens.length + i, ...addedToken(content) })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Isolated', invert: false },
        byteLevel,
      ],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  };
}

/** `tokenizer_config.json`: which special token is which, and the chat template. */
export function tokenizerConfig({ tokens }: BytePairEncoding): object {
  return {
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(
      specialTokens.map((content, i) => [String(tokens.length + i), addedToken(content)]),
    ),
    additional_special_tokens: specialTokens.slice(1),
    bos_token: null,
    chat_template: CHAT_TEMPLATE,
    clean_up_tokenization_spaces: false,
    eos_token: '<|im_end|>',
    errors: 'replace',
    model_max_length: 32768,
    pad_token: '<|endoftext|>',
    padding_side: 'left',
    split_special_tokens: false,
    tokenizer_class: 'Qwen2Tokenizer',
    unk_token: null,
  };
}
