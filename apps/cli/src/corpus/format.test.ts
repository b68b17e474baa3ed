import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LatteFlowError } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { formatCorpus, parseCorpus, readCorpus, SPRITE_BYTES } from './format.ts';
import { syntheticCorpus } from './synthetic-corpus.ts';

const corpus = syntheticCorpus([
  { label: 'red apple', style: 'noto', colour: [255, 0, 0, 255] },
  { label: 'owl', style: 'blob', colour: [0, 0, 255, 128], split: 'val' },
]);
const json = () => JSON.parse(formatCorpus(corpus));

test('a folder gives back what was written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'corpus-'));
  try {
    await expect(readCorpus(folder)).rejects.toMatchObject({ code: 'file-not-found' });
    await writeFile(join(folder, 'sprites.bin'), corpus.pixels);
    await writeFile(join(folder, 'corpus.json'), formatCorpus(corpus));
    const read = await readCorpus(folder);
    expect(read.sprites).toEqual(corpus.sprites);
    expect(read.styles).toEqual(corpus.styles);
    expect(Buffer.from(corpus.pixels).equals(read.pixels)).toBe(true);
    await writeFile(join(folder, 'corpus.json'), '{"version": 1');
    await expect(readCorpus(folder)).rejects.toMatchObject({ code: 'checkpoint-invalid' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ['version', { version: 2 }, 'version'],
  ['size', { size: 32 }, 'size'],
  ['no sprites', { sprites: [] }, 'at least one sprite'],
  ['unknown style', { sprites: [{ ...json().sprites[0], style: 'oil' }] }, 'style'],
  ['unknown split', { sprites: [{ ...json().sprites[0], split: 'dev' }] }, 'split'],
  ['an offset past the end', { sprites: [{ ...json().sprites[0], offset: SPRITE_BYTES + 1 }] }, 'offset'],
  ['a fractional offset', { sprites: [{ ...json().sprites[0], offset: 0.5 }] }, 'offset'],
  ['no label', { sprites: [{ ...json().sprites[0], label: undefined }] }, 'label'],
])('refuses %s', (_, change, named) => {
  expect(() => parseCorpus({ ...json(), ...change }, corpus.pixels)).toThrow(LatteFlowError);
  expect(() => parseCorpus({ ...json(), ...change }, corpus.pixels)).toThrow(named);
});
