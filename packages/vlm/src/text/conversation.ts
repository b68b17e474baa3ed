import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { padIds, type ModelInputs } from '../forward/model-inputs.ts';
import type { ProcessedImages } from '../image/image-processor.ts';
import type { PatchGrid, PixelNormalisation } from '../image/patchify.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import { renderChat, type ChatMessage } from './chat.ts';
import { expandImagePlaceholders } from './image-placeholders.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Messages and the images that their placeholders stand for, in order. */
export interface Conversation<Image = RgbImage> {
  readonly messages: readonly ChatMessage[];
  readonly images?: readonly Image[];
}

export interface ConversationTools {
  readonly config: VisionLanguageConfig;
  readonly tokenizer: TextTokenizer;
  readonly imageProcessor: PixelNormalisation;
}

/** Ids of messages up to where the assistant is to speak, with the places of images expanded. */
function promptIds(
  messages: readonly ChatMessage[],
  { grids, config, tokenizer }: Omit<ConversationTools, 'imageProcessor'> & { readonly grids: readonly PatchGrid[] },
): number[] {
  const adapter = adapterOf(config);
  const prompt = renderChat(messages, {
    template: tokenizer.chatTemplate ?? adapter.chatTemplate,
    variables: tokenizer.templateVariables,
  });
  return expandImagePlaceholders(tokenizer.encode(prompt), {
    imageTokenId: config.imageTokenId,
    images: grids.map((grid) => adapter.imagePrompt(grid, { config, tokenizer })),
  });
}

/** Ids of a conversation up to where the assistant is to speak, and its images as patches. */
export function encodeConversation(
  { messages, images = [] }: Conversation,
  { config, tokenizer, imageProcessor }: ConversationTools,
): { ids: number[]; patches: Float32Array; grids: ModelInputs['grids'] } {
  const { patches, grids } = adapterOf(config).processImages(images, imageProcessor);
  return { ids: promptIds(messages, { config, tokenizer, grids }), patches, grids };
}

/** Joins the patches of several samples, in order. */
export function joinPatches(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Renders, tokenises and pads conversations (on the left) whose images have been processed: a batch to answer.
 * @throws LatteFlowError `invalid-argument` for no conversation or message, or images without a place
 */
export function promptInputs(
  conversations: readonly Conversation<ProcessedImages>[],
  { config, tokenizer }: Omit<ConversationTools, 'imageProcessor'>,
): ModelInputs {
  const processed = conversations.flatMap(({ images = [] }) => images);
  const sequences = conversations.map(({ messages, images = [] }) =>
    promptIds(messages, { config, tokenizer, grids: images.flatMap(({ grids }) => grids) }),
  );
  return {
    ...padIds(sequences, { side: 'left', padTokenId: config.eosTokenId }),
    patches: joinPatches(processed.map(({ patches }) => patches)),
    grids: processed.flatMap(({ grids }) => grids),
  };
}

/**
 * Renders, tokenises and pads conversations (on the left) and processes their images: a batch to answer.
 * @throws LatteFlowError `invalid-argument` for no conversation or message, or images without a place; `image-invalid`
 */
export function conversationInputs(conversations: readonly Conversation[], tools: ConversationTools): ModelInputs {
  const { processImages } = adapterOf(tools.config);
  const processed = conversations.map(({ messages, images = [] }) => ({
    messages,
    images: [processImages(images, tools.imageProcessor)],
  }));
  return promptInputs(processed, tools);
}
