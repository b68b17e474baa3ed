import { expect, test } from 'vitest';

import { imagePrompt } from './image-prompt.ts';

const FENCE = '<fake_token_around_image>';

test('an image of one tile is the whole image between fences', () => {
  expect(imagePrompt({ rows: 0, columns: 0 }, 2)).toBe(`${FENCE}<global-img><image><image>${FENCE}`);
});

test('tiles come row by row on lines of their own, then an empty line and the whole image', () => {
  expect(imagePrompt({ rows: 2, columns: 2 }, 1)).toBe(
    [
      `${FENCE}<row_1_col_1><image>${FENCE}<row_1_col_2><image>`,
      `${FENCE}<row_2_col_1><image>${FENCE}<row_2_col_2><image>`,
      '',
      `${FENCE}<global-img><image>${FENCE}`,
    ].join('\n'),
  );
});
