import { describeValue, refuseArgument } from '@latte-flow/core';
import { requireAlive, type ParameterScope } from '@latte-flow/runtime';

import { adapterOf } from '../adapter/registry.ts';
import type { ProcessedImages } from '../image/image-processor.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import type { ChatContent, ChatMessage } from '../text/chat.ts';
import { promptInputs, type ConversationTools } from '../text/conversation.ts';
import { answerPieces, type GenerateOptions } from './answers.ts';
import { DecodingCache } from './decoding-cache.ts';

export interface AskOptions extends GenerateOptions {
  /** Images that the question is about; they stand before its text unless it places them itself. */
  readonly images?: readonly RgbImage[];
}

export interface ChatSessionOptions {
  /** The system message. Default: the chat template's own. */
  readonly system?: string;
}

const WHERE = 'ChatSession.ask';

function contentOf(question: string | readonly ChatContent[], images: readonly RgbImage[]): ChatMessage['content'] {
  const isEmpty = typeof question === 'string' ? question.trim() === '' : question.length === 0;
  if (isEmpty) {
    refuseArgument({
      where: WHERE,
      expected: 'a question with text in it',
      got: describeValue(question),
      remedy: 'Ask something, e.g. "What is it?".',
    });
  }
  if (typeof question !== 'string' || images.length === 0) return question;
  return [...images.map(() => ({ type: 'image' as const })), { type: 'text', text: question }];
}

/**
 * A conversation of several turns. The key/value cache stays between them, so that a turn encodes only what is new;
 * answers and logits are those of encoding the whole conversation again, to rounding. Owns its cache, borrows the
 * model; `dispose` is idempotent.
 */
export class ChatSession implements Disposable {
  readonly #parameters: ParameterScope;
  readonly #tools: ConversationTools;
  readonly #eosTokenIds: readonly number[];
  readonly #cache: DecodingCache;
  #messages: readonly ChatMessage[];
  #images: readonly ProcessedImages[] = [];
  #isAnswering = false;
  #disposed = false;

  constructor(
    {
      parameters,
      eosTokenIds,
      ...tools
    }: ConversationTools & {
      readonly parameters: ParameterScope;
      readonly eosTokenIds: readonly number[];
    },
    { system }: ChatSessionOptions = {},
  ) {
    this.#parameters = parameters;
    this.#tools = tools;
    this.#eosTokenIds = eosTokenIds;
    this.#cache = new DecodingCache(parameters, tools.config);
    this.#messages = system === undefined ? [] : [{ role: 'system', content: system }];
  }

  /** What was said so far. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Number of tokens whose keys and values are kept. */
  get cachedTokens(): number {
    return this.#cache.length;
  }

  /**
   * Asks, and yields the answer piece by piece. An answer that is left early or aborted stays in the conversation as
   * far as it was yielded; without any of it the question is withdrawn, as on an error.
   * @throws LatteFlowError `invalid-argument` (empty question, a second one at the same time, images without a place),
   * `image-invalid`, `context-overflow`, `disposed`; the signal's reason on abort
   */
  async *ask(
    question: string | readonly ChatContent[],
    { images = [], ...options }: AskOptions = {},
  ): AsyncGenerator<string, void, void> {
    requireAlive(WHERE, 'session', this.#disposed);
    const content = contentOf(question, images);
    if (this.#isAnswering) {
      refuseArgument({
        where: WHERE,
        expected: 'one question at a time',
        got: 'a second one before the answer to the first was over',
        remedy: 'Read the answer to its end, or leave its loop.',
      });
    }
    this.#isAnswering = true;
    let answer = '';
    let isComplete = false;
    const asked = [...this.#messages, { role: 'user' as const, content }];
    const shown = [...this.#images];
    try {
      const { config, imageProcessor, tokenizer } = this.#tools;
      for (const image of images) shown.push(adapterOf(config).processImages([image], imageProcessor));
      const inputs = promptInputs([{ messages: asked, images: shown }], this.#tools);
      const pieces = answerPieces(this.#parameters, config, {
        eosTokenIds: this.#eosTokenIds,
        ...options,
        inputs,
        cache: this.#cache,
        decoder: tokenizer,
      });
      for await (const { text } of pieces) {
        answer += text;
        yield text;
      }
      isComplete = true;
    } finally {
      this.#isAnswering = false;
      if (this.#disposed) this.#cache.dispose();
      else if (isComplete || answer !== '') {
        this.#messages = [...asked, { role: 'assistant', content: answer }];
        this.#images = shown;
      }
    }
  }

  /** Frees the cache; while an answer is being read, as soon as its loop ends. */
  dispose(): void {
    this.#disposed = true;
    if (!this.#isAnswering) this.#cache.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
