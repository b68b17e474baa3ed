import { refuseArgument } from '@latte-flow/core';

/**
 * Puts the ids of each image in the place of the one placeholder that stands for it.
 * @throws LatteFlowError `invalid-argument` if placeholders and images differ in number
 */
export function expandImagePlaceholders(
  ids: readonly number[],
  options: { readonly imageTokenId: number; readonly images: readonly (readonly number[])[] },
): number[] {
  const { images, imageTokenId } = options;
  const placeholders = ids.filter((id) => id === imageTokenId).length;
  if (placeholders !== images.length) {
    refuseArgument({
      where: 'expandImagePlaceholders',
      expected: `a place for each of the ${images.length} images`,
      got: `${placeholders} in the conversation`,
      remedy: "Put one { type: 'image' } into the messages for each image.",
      data: { placeholders, images: images.length },
    });
  }
  let image = 0;
  return ids.flatMap((id) => (id === imageTokenId ? images[image++]! : [id]));
}
