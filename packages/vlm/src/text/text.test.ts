import { expect, test } from 'vitest';

import { byteTokenizer, byteTokenizerJson } from '../testing/byte-tokenizer.ts';
import { renderChat } from './chat.ts';
import { expandImagePlaceholders } from './image-placeholders.ts';
import { createTokenizer } from './tokenizer.ts';

test("the default template is Qwen2-VL's", () => {
  const question = { role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What is it?' }] } as const;
  const start = '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n';
  const user = '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is it?<|im_end|>\n';
  expect(renderChat([question])).toBe(`${start}${user}<|im_start|>assistant\n`);
  expect(
    renderChat(
      [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
      { addGenerationPrompt: false },
    ),
  ).toBe('<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n');
});

test('no messages, and a template that fails, are refused', () => {
  expect(() => renderChat([])).toThrow('at least one message');
  const messages = [{ role: 'user', content: 'Hi' }] as const;
  expect(() => renderChat(messages, { template: "{{ raise_exception('odd roles') }}" })).toThrow('odd roles');
  expect(() => renderChat(messages, { template: '{% if' })).toThrow(
    expect.objectContaining({ code: 'checkpoint-invalid' }),
  );
});

test('text goes to ids and back, special tokens as themselves', () => {
  const tokenizer = byteTokenizer();
  expect(tokenizer.encode('<|im_start|>né')).toEqual([241, 0x6e, 0xc3, 0xa9]);
  expect(tokenizer.decode([241, 0x6e, 0xc3, 0xa9, 242])).toBe('né');
  expect(tokenizer.tokenId('<|image_pad|>')).toBe(246);
  expect(tokenizer.tokenId('nothing')).toBeUndefined();
  expect(createTokenizer({ tokenizer: byteTokenizerJson(), config: { chat_template: 'x' } }).chatTemplate).toBe('x');
});

test.each([null, 'text', {}, { model: { type: 'Odd' } }])('refuses %j as a tokenizer', (tokenizer) => {
  expect(() => createTokenizer({ tokenizer })).toThrow(expect.objectContaining({ code: 'checkpoint-invalid' }));
});

test('placeholders become the ids of their images; their number must match', () => {
  const options = { imageTokenId: 9, images: [[9, 9], [9]] };
  expect(expandImagePlaceholders([1, 9, 2, 9], options)).toEqual([1, 9, 9, 2, 9]);
  expect(() => expandImagePlaceholders([1, 9], options)).toThrow('a place for each of the 2 images, got 1');
});

test('a template that knows lists alone gets text as a list, with its special tokens and several images', () => {
  const template =
    '{{ bos_token }}{% for m in messages %}{{ m.role }}:{% for p in m.content %}' +
    "{% if p.type == 'image' %}[{{ loop.index }}]{% else %}{{ p.text }}{% endif %}{% endfor %};{% endfor %}";
  const messages = [
    { role: 'user', content: [{ type: 'image' }, { type: 'image' }, { type: 'text', text: 'Which?' }] },
    { role: 'assistant', content: 'Both.' },
  ] as const;
  expect(renderChat(messages, { template, variables: { bos_token: '<s>' } })).toBe(
    '<s>user:[1][2]Which?;assistant:Both.;',
  );
});

test('the template and the special tokens of a tokenizer_config.json', () => {
  const tokenizer = byteTokenizerJson();
  const bos = { content: '<s>', lstrip: false };
  expect(createTokenizer({ tokenizer, config: { bos_token: bos, unk_token: null } }).templateVariables).toEqual({
    bos_token: '<s>',
  });
  const chat_template = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template: 'talk' },
  ];
  expect(createTokenizer({ tokenizer, config: { chat_template } }).chatTemplate).toBe('talk');
  expect(createTokenizer({ tokenizer, config: { chat_template }, chatTemplate: 'own' }).chatTemplate).toBe('own');
  expect(createTokenizer({ tokenizer, config: { chat_template: [null, 3] } }).chatTemplate).toBeUndefined();
});
