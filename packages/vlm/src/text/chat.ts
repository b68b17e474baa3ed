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

interface RenderOptions {
  /** Jinja. Default: Qwen2-VL's. */
  readonly template?: string;
  /** End where the assistant is to speak. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables of the template, e.g. `bos_token`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

type Render = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;

const PROBE = 'probe-of-the-template';

/** Whether a template prints the text of such a content, and not the way it is written down. */
function shows(render: Render, content: ChatMessage['content']): boolean {
  try {
    const text = render([{ role: 'user', content }], false);
    return text.includes(PROBE) && !text.includes('"type"');
  } catch {
    return false;
  }
}

/** Templates of language models know text alone, some of vision models know lists alone: gives each what it knows. */
function asTemplateKnows(messages: readonly ChatMessage[], render: Render): readonly ChatMessage[] {
  const hasText = messages.some(({ content }) => typeof content === 'string');
  const hasParts = messages.some(({ content }) => typeof content !== 'string');
  const knowsText = !hasText || shows(render, PROBE);
  const knowsParts = !hasParts || shows(render, [{ type: 'text', text: PROBE }]);
  return messages.map(({ role, content }) => {
    if (typeof content === 'string') return { role, content: knowsText ? content : [{ type: 'text', text: content }] };
    if (knowsParts || content.some(({ type }) => type !== 'text')) return { role, content };
    return { role, content: content.map((part) => (part.type === 'text' ? part.text : '')).join('') };
  });
}

/**
 * Renders a conversation with a Jinja chat template, each image as one placeholder. Content goes to the template as
 * text or as a list of parts, whichever it knows.
 * @throws LatteFlowError `invalid-argument` for an empty conversation, `checkpoint-invalid` if the template fails
 */
export function renderChat(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
  const { template = QWEN2_VL_CHAT_TEMPLATE, addGenerationPrompt = true, variables = {} } = options;
  if (messages.length === 0) {
    refuseArgument({
      where: 'renderChat',
      expected: 'at least one message',
      got: 'none',
      remedy: 'Pass a user message.',
    });
  }
  try {
    const parsed = new Template(template);
    const render: Render = (turns, prompt) =>
      parsed.render({ ...variables, messages: turns, add_generation_prompt: prompt });
    return render(asTemplateKnows(messages, render), addGenerationPrompt);
  } catch (cause) {
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'renderChat',
      expected: 'a chat template that renders these messages',
      got: cause instanceof Error ? cause.message : 'a failure',
      remedy: 'Check the chat template of the checkpoint, and that the roles are in the order it wants.',
      cause,
    });
  }
}
