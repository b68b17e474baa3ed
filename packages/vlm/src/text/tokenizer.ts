import { describeValue, LatteFlowError } from '@latte-flow/core';
import { Tokenizer } from '@huggingface/tokenizers';

import type { TokenDecoder } from '../generation/text-pieces.ts';
import { flawOfTokenizer } from './tokenizer-files.ts';

/** Text to token ids and back, as `tokenizer.json` describes. */
export interface TextTokenizer extends TokenDecoder {
  /** Ids of a text; special tokens written in it (`<|im_end|>`) become themselves, none are added. */
  encode(text: string): number[];
  /** The id of a token by its exact spelling, undefined if there is none. */
  tokenId(token: string): number | undefined;
  /** The chat template of the checkpoint, where it has one. */
  readonly chatTemplate: string | undefined;
  /** Special tokens by the names that chat templates use: `bos_token`, `eos_token`, … */
  readonly templateVariables: Readonly<Record<string, string>>;
}

interface TokenizerFiles {
  /** Parsed `tokenizer.json`. */
  readonly tokenizer: unknown;
  /** Parsed `tokenizer_config.json`. */
  readonly config?: unknown;
  /** From a file of its own, which counts before the configuration's. */
  readonly chatTemplate?: string;
}

/** A template is text, or one of several by name, of which `default` counts. */
function configuredTemplate(config: object): string | undefined {
  const template = 'chat_template' in config ? config.chat_template : undefined;
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const named = template.filter(
    (entry): entry is { name?: unknown; template: string } => typeof entry?.template === 'string',
  );
  return (named.find(({ name }) => name === 'default') ?? named[0])?.template;
}

/** `bos_token` and the like, each written as text or as an added token. */
function specialTokens(config: object): Record<string, string> {
  const texts = Object.entries(config).map(([name, value]: [string, unknown]): [string, unknown] => [
    name,
    typeof value === 'object' && value !== null && 'content' in value ? value.content : value,
  ]);
  const isSpecial = ([name, text]: [string, unknown]): boolean => name.endsWith('_token') && typeof text === 'string';
  return Object.fromEntries(texts.filter(isSpecial)) as Record<string, string>;
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

/** Some flaws of a file come to light when the tokenizer is made, some only when it is used. */
function refusingFlaws<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    return refuseTokenizer(cause instanceof Error ? cause.message : 'a failure', cause);
  }
}

/**
 * A tokenizer from the parsed files of a checkpoint.
 * @throws LatteFlowError `checkpoint-invalid` if they describe none
 */
export function createTokenizer({ tokenizer: json, config = {}, chatTemplate }: TokenizerFiles): TextTokenizer {
  if (typeof json !== 'object' || json === null) refuseTokenizer(describeValue(json));
  if (typeof config !== 'object' || config === null) refuseTokenizer(describeValue(config));
  const flaw = flawOfTokenizer(json);
  if (flaw !== undefined) refuseTokenizer(flaw);
  const tokenizer = refusingFlaws(() => new Tokenizer(json, config));
  return {
    encode: (text) => refusingFlaws(() => tokenizer.encode(text, { add_special_tokens: false }).ids),
    decode: (ids) =>
      ids.length === 0
        ? ''
        : refusingFlaws(() =>
            tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
          ),
    tokenId: (token) => tokenizer.token_to_id(token),
    chatTemplate: chatTemplate ?? configuredTemplate(config),
    templateVariables: specialTokens(config),
  };
}
