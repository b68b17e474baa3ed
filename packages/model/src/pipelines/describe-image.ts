import { describeValue, refuseArgument } from '@latte-flow/core';
import type { DecodeOptions, RgbImage } from '@latte-flow/vlm';

import type { LatteFlow } from '../latte-flow.ts';

export interface DescribeOptions extends DecodeOptions {
  /** Default "Describe this picture." */
  readonly question?: string;
}

export const DEFAULT_QUESTION = 'Describe this picture.';

/**
 * Image and question to text, piece by piece; greedy unless `temperature` is given. Leaving the loop early frees
 * everything; on abort the iterable throws the signal's reason, and what was yielded before is the caller's. Only the
 * backbone takes part: `describeImage({ backbone: await loadBackbone(folder) }, image)` needs no generation stream.
 *
 * @throws LatteFlowError `invalid-argument` (empty question), `image-invalid`, `context-overflow`
 */
export async function* describeImage(
  { backbone }: Pick<LatteFlow, 'backbone'>,
  image: RgbImage,
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
  const content = [{ type: 'image' }, { type: 'text', text: question }] as const;
  yield* backbone.generate({ messages: [{ role: 'user', content }], images: [image] }, options);
}
