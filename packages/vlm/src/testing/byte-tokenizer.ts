import { createTokenizer, type TextTokenizer } from '../text/tokenizer.ts';

const SPECIALS = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
];

/** The printable stand-ins of bytes in byte-level BPE files. */
function byteCharacters(): string[] {
  const isPlain = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++));
}

/** `tokenizer.json` whose ids 0 to 239 are bytes and 240 to 247 the special tokens of the fixtures. */
export function byteTokenizerJson(): object {
  const vocab = Object.fromEntries(
    byteCharacters()
      .slice(0, 240)
      .map((character, byte) => [character, byte]),
  );
  return {
    version: '1.0',
    added_tokens: SPECIALS.map((content, i) => ({
      id: 240 + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab, merges: [] },
  };
}

export function byteTokenizer(): TextTokenizer {
  return createTokenizer({ tokenizer: byteTokenizerJson() });
}
