import { describeValue, refuseArgument } from '@latte-flow/core';
import type { GenerateOptions, RgbImage } from '@latte-flow/vlm';

import type { LatteFlow } from '../latte-flow.ts';

export interface DescribeOptions extends GenerateOptions {
  /** Default "Describe this picture." */
  readonly question?: string;
}

export const DEFAULT_QUESTION = 'Describe this picture.';

/**
 * Images and a question to text, piece by piece, by a model's backbone; greedy unless `temperature` is given. Leaving
 * the loop early frees everything; on abort the iterable throws the signal's reason, and what was yielded before is the
 * caller's.
 *
 * @throws LatteFlowError `invalid-argument` (empty question, no image), `image-invalid`, `context-overflow`
 */
export async function* describeImage(
  { backbone }: Pick<LatteFlow, 'backbone'>,
  image: RgbImage | readonly RgbImage[],
  { question = DEFAULT_QUESTION, ...options }: DescribeOptions = {},
): AsyncGenerator<string, void, void> {
  if (question.trim() === '') {
    refuseArgument({
      where: 'describeImage',
      expected: 'a question with text in it',
      got: describeValue(question),
      remedy: `Ask something, e.g. "${DEFAULT_QUESTION}"`,
    });
  }
  const images = 'data' in image ? [image] : image;
  if (images.length === 0) {
    refuseArgument({ where: 'describeImage', expected: 'an image', got: 'none', remedy: 'Pass one or several.' });
  }
  const content = [...images.map(() => ({ type: 'image' as const })), { type: 'text' as const, text: question }];
  yield* backbone.generate({ messages: [{ role: 'user', content }], images }, options);
}
