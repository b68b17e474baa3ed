import { refuseArgument } from '@latte-flow/core';

import { imageTokenCount, type PatchGrid } from '../image/patchify.ts';

/**
 * Repeats the one placeholder that stands for each image until there is one for each of its tokens.
 * @throws LatteFlowError `invalid-argument` if placeholders and images differ in number
 */
export function expandImagePlaceholders(
  ids: readonly number[],
  options: { readonly grids: readonly PatchGrid[]; readonly imageTokenId: number; readonly mergeSize: number },
): number[] {
  const { grids, imageTokenId, mergeSize } = options;
  const placeholders = ids.filter((id) => id === imageTokenId).length;
  if (placeholders !== grids.length) {
    refuseArgument({
      where: 'expandImagePlaceholders',
      expected: `a place for each of the ${grids.length} images`,
      got: `${placeholders} in the conversation`,
      remedy: "Put one { type: 'image' } into the messages for each image.",
      data: { placeholders, images: grids.length },
    });
  }
  let image = 0;
  return ids.flatMap((id) =>
    id === imageTokenId ? new Array<number>(imageTokenCount(grids[image++]!, mergeSize)).fill(id) : [id],
  );
}
