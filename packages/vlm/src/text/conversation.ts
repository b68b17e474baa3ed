import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { padIds, type ModelInputs } from '../forward/model-inputs.ts';
import type { PixelNormalisation } from '../image/patchify.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import { renderChat, type ChatMessage } from './chat.ts';
import { expandImagePlaceholders } from './image-placeholders.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Messages and the images that their placeholders stand for, in order. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly images?: readonly RgbImage[];
}

export interface ConversationTools {
  readonly config: VisionLanguageConfig;
  readonly tokenizer: TextTokenizer;
  readonly imageProcessor: PixelNormalisation;
}

/** Ids of a conversation up to where the assistant is to speak, and its images as patches. */
export function encodeConversation(
  { messages, images = [] }: Conversation,
  { config, tokenizer, imageProcessor }: ConversationTools,
): { ids: number[]; patches: Float32Array; grids: ModelInputs['grids'] } {
  const adapter = adapterOf(config);
  const { patches, grids } = adapter.processImages(images, imageProcessor);
  const prompt = renderChat(messages, { template: tokenizer.chatTemplate ?? adapter.chatTemplate });
  const ids = expandImagePlaceholders(tokenizer.encode(prompt), {
    imageTokenId: config.imageTokenId,
    images: grids.map((grid) => adapter.imagePrompt(grid, { config, tokenizer })),
  });
  return { ids, patches, grids };
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
 * Renders, tokenises and pads conversations (on the left) and processes their images: a batch to answer.
 * @throws LatteFlowError `invalid-argument` for no conversation or message, or images without a place; `image-invalid`
 */
export function conversationInputs(conversations: readonly Conversation[], tools: ConversationTools): ModelInputs {
  const encoded = conversations.map((conversation) => encodeConversation(conversation, tools));
  const padded = padIds(
    encoded.map(({ ids }) => ids),
    { side: 'left', padTokenId: tools.config.eosTokenId },
  );
  return {
    ...padded,
    patches: joinPatches(encoded.map(({ patches }) => patches)),
    grids: encoded.flatMap(({ grids }) => grids),
  };
}
