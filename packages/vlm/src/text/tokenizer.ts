import { describeValue, LatteFlowError } from '@latte-flow/core';
import { Tokenizer } from '@huggingface/tokenizers';

import type { TokenDecoder } from '../generation/text-pieces.ts';

/** Text to token ids and back, as `tokenizer.json` describes. */
export interface TextTokenizer extends TokenDecoder {
  /** Ids of a text; special tokens written in it (`<|im_end|>`) become themselves, none are added. */
  encode(text: string): number[];
  /** The id of a token by its exact spelling, undefined if there is none. */
  tokenId(token: string): number | undefined;
  /** The chat template of `tokenizer_config.json`, where it has one. */
  readonly chatTemplate: string | undefined;
}

interface TokenizerFiles {
  /** Parsed `tokenizer.json`. */
  readonly tokenizer: unknown;
  /** Parsed `tokenizer_config.json`. */
  readonly config?: unknown;
}

function refuseTokenizer(got: string, cause?: unknown): never {
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'createTokenizer',
    expected: 'tokenizer.json and tokenizer_config.json of Hugging Face tokenizers',
    got,
    remedy: 'Download the tokenizer files of the checkpoint again.',
    cause,
  });
}

/**
 * A tokenizer from the parsed files of a checkpoint.
 * @throws LatteFlowError `checkpoint-invalid` if they describe none
 */
export function createTokenizer({ tokenizer: json, config = {} }: TokenizerFiles): TextTokenizer {
  if (typeof json !== 'object' || json === null) refuseTokenizer(describeValue(json));
  if (typeof config !== 'object' || config === null) refuseTokenizer(describeValue(config));
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(json, config);
  } catch (cause) {
    return refuseTokenizer(cause instanceof Error ? cause.message : 'a failure', cause);
  }
  const template = 'chat_template' in config ? config.chat_template : undefined;
  return {
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    decode: (ids) =>
      ids.length === 0
        ? ''
        : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    tokenId: (token) => tokenizer.token_to_id(token),
    chatTemplate: typeof template === 'string' ? template : undefined,
  };
}
