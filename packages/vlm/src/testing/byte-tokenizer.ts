import { createTokenizer, type TextTokenizer } from '../text/tokenizer.ts';

/** Special tokens of the Qwen fixtures by id. */
const QWEN_SPECIALS: Readonly<Record<string, number>> = {
  '<|endoftext|>': 240,
  '<|im_start|>': 241,
  '<|im_end|>': 242,
  '<|vision_start|>': 243,
  '<|vision_end|>': 244,
  '<|vision_pad|>': 245,
  '<|image_pad|>': 246,
  '<|video_pad|>': 247,
};

/** The printable stand-ins of bytes in byte-level BPE files. */
function byteCharacters(): string[] {
  const isPlain = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++));
}

/** `tokenizer.json` whose ids 0 to 239 are bytes, but for those that special tokens take. */
export function byteTokenizerJson(specials: Readonly<Record<string, number>> = QWEN_SPECIALS): object {
  const taken = new Set(Object.values(specials));
  const vocab = Object.fromEntries(
    byteCharacters()
      .slice(0, 240)
      .map((character, byte) => [character, byte] as const)
      .filter(([, byte]) => !taken.has(byte)),
  );
  return {
    version: '1.0',
    added_tokens: Object.entries(specials).map(([content, id]) => ({
      id,
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

export function byteTokenizer(specials?: Readonly<Record<string, number>>): TextTokenizer {
  return createTokenizer({ tokenizer: byteTokenizerJson(specials) });
}
