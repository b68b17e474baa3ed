import type { TileGrid } from './image-tiles.ts';

/** One token of an image; before images are expanded, the place of one. */
const IMAGE = '<image>';
const FENCE = '<fake_token_around_image>';
const WHOLE_IMAGE = '<global-img>';

/**
 * The text that an image becomes: each tile after its row and column (from 1), the rows of tiles on lines of their own,
 * then the whole image; `tokensPerTile` image tokens each.
 */
export function imagePrompt({ rows, columns }: TileGrid, tokensPerTile: number): string {
  const tokens = IMAGE.repeat(tokensPerTile);
  const whole = `${FENCE}${WHOLE_IMAGE}${tokens}${FENCE}`;
  if (rows * columns === 0) return whole;
  const lines = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => `${FENCE}<row_${row + 1}_col_${column + 1}>${tokens}`).join(''),
  );
  return `${lines.join('\n')}\n\n${whole}`;
}
