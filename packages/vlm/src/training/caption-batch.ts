import { refuseArgument, requireInteger } from '@latte-flow/core';

import type { RgbImage } from '../image/rgb-image.ts';
import { padIds, type ModelInputs } from '../forward/model-inputs.ts';
import { encodeConversation, joinPatches, type Conversation, type ConversationTools } from '../text/conversation.ts';

/** One picture and what the model is to say about it. */
export interface CaptionSample {
  readonly image: RgbImage;
  /** What the user asks beside the image. */
  readonly question: string;
  /** The answer to learn; the token that ends a turn is added. */
  readonly caption: string;
}

/** A sample as ids and patches: made once, used in every epoch. */
export interface EncodedSample {
  readonly ids: readonly number[];
  /** How many of the first ids are the prompt, which is not learned. */
  readonly promptLength: number;
  readonly patches: Float32Array;
  readonly grids: ModelInputs['grids'];
}

/** A right-padded batch on the host. */
export interface CaptionBatch {
  readonly inputs: ModelInputs;
  /** 1 for tokens to be predicted, `[B, S]` row-major: captions and the ends of their turns. */
  readonly labelMask: Uint8Array;
}

/**
 * Encodes any conversation and the answer to it. Prompt and answer are tokenised apart, as in generation.
 * @throws LatteFlowError `invalid-argument` for an empty answer
 */
export function encodeAnswer(conversation: Conversation, answer: string, tools: ConversationTools): EncodedSample {
  const { ids: prompt, patches, grids } = encodeConversation(conversation, tools);
  const answerIds = tools.tokenizer.encode(answer);
  if (answerIds.length === 0) {
    refuseArgument({
      where: 'encodeAnswer',
      expected: 'an answer of at least one token',
      got: 'none',
      remedy: 'Leave samples without a caption out.',
    });
  }
  return { ids: [...prompt, ...answerIds, tools.config.eosTokenId], promptLength: prompt.length, patches, grids };
}

/** Encodes one picture with its question and caption. */
export function encodeCaption({ image, question, caption }: CaptionSample, tools: ConversationTools): EncodedSample {
  const content = [{ type: 'image' }, { type: 'text', text: question }] as const;
  return encodeAnswer({ messages: [{ role: 'user', content }], images: [image] }, caption, tools);
}

/**
 * Pads samples on the right to one length, a multiple of `multipleOf` (default 8: few lengths mean few shaders).
 * @throws LatteFlowError `invalid-argument` for an empty batch
 */
export function captionBatch(
  samples: readonly EncodedSample[],
  options: { readonly padTokenId: number; readonly multipleOf?: number },
): CaptionBatch {
  requireInteger('captionBatch', 'number of samples', samples.length, { min: 1 });
  const { padTokenId, multipleOf = 8 } = options;
  const padded = padIds(
    samples.map(({ ids }) => ids),
    { side: 'right', padTokenId, multipleOf },
  );
  const labelMask = new Uint8Array(padded.ids.length);
  samples.forEach(({ ids, promptLength }, sample) => {
    labelMask.fill(1, sample * padded.length + promptLength, sample * padded.length + ids.length);
  });
  const patches = joinPatches(samples.map((sample) => sample.patches));
  return { inputs: { ...padded, patches, grids: samples.flatMap(({ grids }) => grids) }, labelMask };
}
