import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { SPRITE_BYTES, type Split } from '@latte-flow/cli/corpus';
import sharp from 'sharp';
import { expect, test } from 'vitest';

import { dropDuplicates, subsetCorpus } from './assemble.ts';
import { readConcepts } from './concepts.ts';
import { noticeText } from './notice.ts';
import { renderSprite } from './render.ts';
import { assignSplits, baseCodePoint } from './splits.ts';
import { joinKey, openArt, styleOf, styleSources } from './styles.ts';

const concepts = readConcepts();
const styles = styleSources.map(({ name }) => name);

test('concepts are pictures: no flags, no regional indicators, no skin tones', () => {
  expect(concepts.length).toBe(1644);
  expect(concepts.find(({ codePoint }) => codePoint === '1F34E')).toMatchObject({
    label: 'red apple',
    group: 'food-drink',
  });
  expect(concepts.some(({ codePoint }) => /1F1[E-F][0-9A-F]|1F3F[B-F]/.test(codePoint))).toBe(false);
});

test('a split depends on the code point alone, and comes in its share', () => {
  const counts: Record<Split, number> = { train: 0, val: 0, 'test-pair': 0, 'test-concept': 0 };
  for (const { codePoint } of concepts) {
    const assigned = assignSplits(codePoint, styles);
    expect(assignSplits(codePoint, styles)).toEqual(assigned);
    const values = [...assigned.values()];
    if (values.includes('test-concept')) expect(new Set(values).size).toBe(1);
    expect(values.filter((split) => split === 'test-pair').length).toBeLessThanOrEqual(1);
    for (const split of values) counts[split]++;
  }
  const total = concepts.length * styles.length;
  expect(Math.abs(counts['test-concept'] / total - 0.05)).toBeLessThan(0.025);
  expect(Math.abs(counts['test-pair'] / total - (0.95 * 0.1) / 6)).toBeLessThan(0.006);
  expect(Math.abs(counts.val / total - 0.03)).toBeLessThan(0.01);
});

test('variants of a role by gender share their split', () => {
  const [person, man, woman] = ['1F9D1-200D-1F680', '1F468-200D-1F680', '1F469-200D-1F680'];
  expect(new Set([person, man, woman].map((codePoint) => baseCodePoint(codePoint!))).size).toBe(1);
  expect(baseCodePoint('1F3C3-200D-2640-FE0F')).toBe('1F3C3');
  expect(baseCodePoint('1F408-200D-2B1B')).not.toBe(baseCodePoint('1F408'));
});

test('the first of equal bitmaps stays', () => {
  const drawings = [
    [1, 2],
    [3, 4],
    [1, 2],
  ].map((bytes, i) => ({ i, pixels: new Uint8Array(bytes) }));
  expect(dropDuplicates(drawings).map(({ i }) => i)).toEqual([0, 1]);
});

test('a sprite is trimmed, fitted and centred, with clear pixels black, and the same every time', async () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect x="8" y="40" width="20" height="10" fill="#00f"/></svg>';
  const sprite = (await renderSprite(Buffer.from(svg)))!;
  expect(sprite.byteLength).toBe(SPRITE_BYTES);
  const at = (x: number, y: number) => [...sprite.subarray((y * 64 + x) * 4, (y * 64 + x) * 4 + 4)];
  expect(at(32, 32)).toEqual([0, 0, 255, 255]);
  expect(at(1, 32)).toEqual([0, 0, 255, 255]);
  expect(at(32, 5)).toEqual([0, 0, 0, 0]);
  expect(at(32, 58)).toEqual([0, 0, 0, 0]);
  expect(Buffer.from((await renderSprite(Buffer.from(svg)))!).equals(sprite)).toBe(true);
  const clear = await sharp({ create: { width: 8, height: 8, channels: 4, background: '#0000' } })
    .png()
    .toBuffer();
  expect(await renderSprite(clear)).toBeUndefined();
});

test('every style has a red apple', async () => {
  for (const source of styleSources) {
    const art = await (await openArt(source))('1F34E', 'red apple');
    expect(art?.byteLength, source.name).toBeGreaterThan(100);
  }
  expect(joinKey('2764-FE0F')).toBe('2764');
});

test('the committed list names concepts that are trained on', async () => {
  const list = JSON.parse(await readFile(join(import.meta.dirname, 'concepts.json'), 'utf8')) as Record<string, string>;
  const labels = new Map(concepts.map(({ codePoint, label }) => [codePoint, label]));
  expect(list['1F34E']).toBe('red apple');
  for (const [codePoint, label] of Object.entries(list)) {
    expect(labels.get(codePoint)).toBe(label);
    expect([...assignSplits(codePoint, styles).values()]).toContain('train');
  }
});

test('a subset keeps the pixels and the splits', () => {
  const pixels = new Uint8Array(2 * SPRITE_BYTES).fill(1, SPRITE_BYTES);
  const sprite = {
    label: 'x',
    group: 'g',
    subgroup: 's',
    tags: [],
    style: 'noto',
    tier: 'core',
    split: 'val',
  } as const;
  const sprites = [{ ...sprite, codePoint: 'A', offset: 0 }, { ...sprite, codePoint: 'B', offset: SPRITE_BYTES }]; // prettier-ignore
  const subset = subsetCorpus({ styles: styleSources.map(styleOf), sprites, pixels }, new Set(['B']));
  expect(subset.sprites).toEqual([{ ...sprites[1], offset: 0 }]);
  expect(subset.pixels.every((value) => value === 1)).toBe(true);
});

test('the shipped NOTICE is the one the builder writes', async () => {
  expect(await readFile(join(import.meta.dirname, '../../packages/emoji/NOTICE'), 'utf8')).toBe(noticeText());
});
