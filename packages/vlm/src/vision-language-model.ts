import type { FileStore } from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';
import { requireAlive, type ParameterStore } from '@latte-flow/runtime';

import type { VisionLanguageConfig } from './adapter/vlm-adapter.ts';
import {
  encodePrompt,
  forwardPrompt,
  type ContextCache,
  type ForwardOptions,
  type ForwardOutput,
} from './forward/forward.ts';
import type { ModelInputs } from './forward/model-inputs.ts';
import { answerPieces, type AnswerPiece, type GenerateOptions } from './generation/answers.ts';
import { ChatSession, type ChatSessionOptions } from './generation/chat-session.ts';
import { decodeTokens, type DecodeOptions } from './generation/decode-loop.ts';
import type { PixelNormalisation } from './image/patchify.ts';
import { loadCheckpoint, type LoadedCheckpoint, type LoadOptions } from './load-checkpoint.ts';
import { conversationInputs, type Conversation } from './text/conversation.ts';
import type { TextTokenizer } from './text/tokenizer.ts';

/**
 * A vision-language model: images and text in, text out, and the per-layer key/value cache that a generation stream
 * attends to. Owns its parameters; `dispose` is idempotent, and use after it throws `disposed`.
 *
 * @example
 * await bootBackend({ device: 'auto' });
 * using model = await VisionLanguageModel.fromPretrained('./qwen2-vl');
 * for await (const piece of model.generate({ messages, images })) process.stdout.write(piece);
 */
export class VisionLanguageModel implements Disposable {
  readonly config: VisionLanguageConfig;
  readonly parameters: ParameterStore;
  readonly imageProcessor: PixelNormalisation;
  readonly eosTokenIds: readonly number[];
  readonly #tokenizer: TextTokenizer | undefined;
  #disposed = false;

  /** Takes over the parameters. */
  constructor({ config, parameters, imageProcessor, eosTokenIds, tokenizer }: LoadedCheckpoint) {
    this.config = config;
    this.parameters = parameters;
    this.imageProcessor = imageProcessor;
    this.eosTokenIds = eosTokenIds;
    this.#tokenizer = tokenizer;
  }

  /**
   * Loads a folder in the Hugging Face layout (path, URL, `owner/name` on the Hub or open store) to the current backend.
   * @throws LatteFlowError `file-not-found`, `unsupported` (unknown model_type), `checkpoint-invalid`,
   * `checkpoint-mismatch` (weights and config disagree); the signal's reason on abort
   */
  static async fromPretrained(location: string | FileStore, options: LoadOptions = {}): Promise<VisionLanguageModel> {
    return new VisionLanguageModel(await loadCheckpoint(location, options));
  }

  /** @throws LatteFlowError `checkpoint-invalid` if the checkpoint came without a tokenizer */
  get tokenizer(): TextTokenizer {
    if (this.#tokenizer !== undefined) return this.#tokenizer;
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'VisionLanguageModel.tokenizer',
      expected: 'a checkpoint with a tokenizer',
      got: 'one without tokenizer.json',
      remedy: 'Put tokenizer.json and tokenizer_config.json beside config.json.',
    });
  }

  /** Renders, tokenises and left-pads conversations, and processes their images. */
  prepare(conversations: readonly Conversation[]): ModelInputs {
    return conversationInputs(conversations, this);
  }

  /**
   * Logits, cache and, where asked for, hidden states of a batch; the caller owns them all.
   * @throws LatteFlowError `context-overflow`, or `invalid-argument` if image tokens and images do not match
   */
  forward(inputs: ModelInputs, options: ForwardOptions = {}): ForwardOutput {
    requireAlive('VisionLanguageModel.forward', 'model', this.#disposed);
    return forwardPrompt(this.parameters, this.config, { inputs, ...options });
  }

  /** The key/value cache of the first `layers` layers (default all); the caller disposes of it. */
  encode(inputs: ModelInputs, options: { readonly layers?: number } = {}): ContextCache {
    requireAlive('VisionLanguageModel.encode', 'model', this.#disposed);
    return encodePrompt(this.parameters, this.config, { inputs, ...options });
  }

  /**
   * Answers a conversation piece by piece. Greedy unless `temperature` is given. Leaving the loop early frees
   * everything; on abort the iterable throws the signal's reason, and what was yielded before is the caller's.
   */
  async *generate(conversation: Conversation, options: GenerateOptions = {}): AsyncGenerator<string, void, void> {
    for await (const { text } of this.generateBatch([conversation], options)) yield text;
  }

  /**
   * Answers several conversations at once, each as it would be alone: pieces of all of them as they come, `sample`
   * saying whose. Otherwise as `generate`; with a temperature each sample draws numbers of its own.
   */
  async *generateBatch(
    conversations: readonly Conversation[],
    options: GenerateOptions = {},
  ): AsyncGenerator<AnswerPiece, void, void> {
    requireAlive('VisionLanguageModel.generate', 'model', this.#disposed);
    const { parameters, config, tokenizer, eosTokenIds } = this;
    const inputs = this.prepare(conversations);
    yield* answerPieces(parameters, config, { eosTokenIds, ...options, inputs, decoder: tokenizer });
  }

  /** A conversation of several turns that keeps its key/value cache; the caller disposes of it. */
  chat(options: ChatSessionOptions = {}): ChatSession {
    requireAlive('VisionLanguageModel.chat', 'model', this.#disposed);
    const { parameters, config, tokenizer, imageProcessor, eosTokenIds } = this;
    return new ChatSession({ parameters, config, tokenizer, imageProcessor, eosTokenIds }, options);
  }

  /** New token ids of each sample of a left-padded batch, end token included. */
  async generateIds(inputs: ModelInputs, options: DecodeOptions = {}): Promise<number[][]> {
    const sequences = Array.from({ length: inputs.batch }, (): number[] => []);
    for await (const tokens of this.#tokens(inputs, options)) {
      tokens.forEach((token, sample) => token !== undefined && sequences[sample]!.push(token));
    }
    return sequences;
  }

  #tokens(inputs: ModelInputs, options: DecodeOptions): AsyncGenerator<(number | undefined)[], void, void> {
    requireAlive('VisionLanguageModel.generate', 'model', this.#disposed);
    return decodeTokens(this.parameters, this.config, { inputs, eosTokenIds: this.eosTokenIds, ...options });
  }

  dispose(): void {
    this.#disposed = true;
    this.parameters.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
