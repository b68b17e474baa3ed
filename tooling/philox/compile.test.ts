import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import { compiledFile, compiledText } from './compile.ts';

test('the module that core carries is what philox.wat says', async () => {
  expect(await readFile(compiledFile, 'utf8')).toBe(await compiledText());
});
