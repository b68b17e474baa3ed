import type { FileStore } from '@latte-flow/checkpoint';
import { expect, test } from 'vitest';

import { byteTokenizerJson } from '../testing/byte-tokenizer.ts';
import { readTokenizer } from './read-tokenizer.ts';

/** A folder in memory; objects are JSON. */
function storeOf(files: Readonly<Record<string, object | string>>): FileStore {
  const bytes = (value: object | string): Uint8Array =>
    new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
  return {
    location: 'memory',
    exists: async (path: string) => path in files,
    read: async (path: string) => bytes(files[path]!),
  } as unknown as FileStore;
}

const files = {
  'tokenizer.json': byteTokenizerJson(),
  'tokenizer_config.json': { chat_template: 'of the config', eos_token: '<|im_end|>' },
};

test.each([
  [{}, 'of the config'],
  [{ 'chat_template.json': { chat_template: 'of the JSON' } }, 'of the JSON'],
  [{ 'chat_template.json': {} }, 'of the config'],
  [{ 'chat_template.json': { chat_template: 'of the JSON' }, 'chat_template.jinja': 'of its own' }, 'of its own'],
])('with %j the template is the one %s', async (more, expected) => {
  const tokenizer = await readTokenizer(storeOf({ ...files, ...more }), undefined);
  expect(tokenizer!.chatTemplate).toBe(expected);
  expect(tokenizer!.templateVariables).toEqual({ eos_token: '<|im_end|>' });
});

test('without tokenizer.json there is none, without its configuration no template', async () => {
  expect(await readTokenizer(storeOf({ 'chat_template.jinja': 'x' }), undefined)).toBeUndefined();
  const bare = await readTokenizer(storeOf({ 'tokenizer.json': files['tokenizer.json'] }), undefined);
  expect([bare!.chatTemplate, bare!.templateVariables]).toEqual([undefined, {}]);
});

test.each<Record<string, object | string>>([
  { 'chat_template.json': { chat_template: 3 } },
  { 'chat_template.json': [] },
  { 'tokenizer_config.json': 'no JSON' },
  { 'tokenizer.json': [] },
])('refuses %j', async (more) => {
  await expect(readTokenizer(storeOf({ ...files, ...more }), undefined)).rejects.toMatchObject({
    code: 'checkpoint-invalid',
  });
});
