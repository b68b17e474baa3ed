import type { FileStore } from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';

import { readOptionalObject } from '../config/optional-object.ts';
import { createTokenizer, type TextTokenizer } from './tokenizer.ts';

/** The template in a file of its own: `chat_template.jinja`, or the older `chat_template.json`. */
async function readChatTemplate(store: FileStore, signal: AbortSignal | undefined): Promise<string | undefined> {
  const file = 'chat_template.jinja';
  if (await store.exists(file)) return new TextDecoder().decode(await store.read(file, { signal }));
  const { chat_template: template } = await readOptionalObject(store, 'chat_template.json', signal);
  if (template === undefined || typeof template === 'string') return template;
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'fromPretrained',
    expected: 'chat_template of chat_template.json to be text',
    got: 'another kind of value',
    remedy: 'Download the file of the checkpoint again.',
  });
}

/**
 * The tokenizer of a checkpoint, undefined where it has no `tokenizer.json`. The chat template is that of
 * `chat_template.jinja`, `chat_template.json` or `tokenizer_config.json`, the first there is.
 * @throws LatteFlowError `checkpoint-invalid`; the signal's reason on abort
 */
export async function readTokenizer(
  store: FileStore,
  signal: AbortSignal | undefined,
): Promise<TextTokenizer | undefined> {
  if (!(await store.exists('tokenizer.json'))) return undefined;
  const [tokenizer, config, chatTemplate] = [
    await readOptionalObject(store, 'tokenizer.json', signal),
    await readOptionalObject(store, 'tokenizer_config.json', signal),
    await readChatTemplate(store, signal),
  ];
  return createTokenizer({ tokenizer, config, ...(chatTemplate === undefined ? {} : { chatTemplate }) });
}
