import { Template } from '@huggingface/jinja';
import { LatteFlowError, refuseArgument } from '@latte-flow/core';

/** A piece of a message: text, or the place of the next image. */
export type ChatContent = { readonly type: 'text'; readonly text: string } | { readonly type: 'image' };

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly ChatContent[];
}

/** The conversation format of Qwen2-VL, for checkpoints whose tokenizer brings none. */
export const QWEN2_VL_CHAT_TEMPLATE = [
  "{%- if messages[0].role != 'system' -%}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{%- endif -%}",
  "{%- for message in messages -%}{{ '<|im_start|>' + message.role + '\\n' }}",
  '{%- if message.content is string -%}{{ message.content }}{%- else -%}',
  "{%- for part in message.content -%}{%- if part.type == 'image' -%}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}",
  '{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}',
  "{{ '<|im_end|>\\n' }}{%- endfor -%}",
  "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
].join('');

/**
 * Renders a conversation with a Jinja chat template, each image as one placeholder.
 * @throws LatteFlowError `invalid-argument` for an empty conversation, `checkpoint-invalid` if the template fails
 */
export function renderChat(
  messages: readonly ChatMessage[],
  options: { readonly template?: string; readonly addGenerationPrompt?: boolean } = {},
): string {
  const { template = QWEN2_VL_CHAT_TEMPLATE, addGenerationPrompt = true } = options;
  if (messages.length === 0) {
    refuseArgument({
      where: 'renderChat',
      expected: 'at least one message',
      got: 'none',
      remedy: 'Pass a user message.',
    });
  }
  try {
    return new Template(template).render({ messages, add_generation_prompt: addGenerationPrompt });
  } catch (cause) {
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'renderChat',
      expected: 'a chat template that renders these messages',
      got: cause instanceof Error ? cause.message : 'a failure',
      remedy: 'Check chat_template of tokenizer_config.json, and that the roles are in the order it wants.',
      cause,
    });
  }
}
