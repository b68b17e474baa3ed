import { expect, test } from 'vitest';

import { enlarge, sheetOf, type Picture } from './picture.ts';

const red = [255, 0, 0];
const blue = [0, 0, 255];
const white = [255, 255, 255];
const pair: Picture = { data: Uint8Array.from([...red, ...blue]), width: 2, height: 1 };

test('a pixel becomes a square', () => {
  const row = [...red, ...red, ...blue, ...blue];
  expect(enlarge(pair, 2)).toEqual({ data: Uint8Array.from([...row, ...row]), width: 4, height: 2 });
});

test('pictures stand in a row with a gap around each', () => {
  const dot: Picture = { data: Uint8Array.from(blue), width: 1, height: 1 };
  const empty = [...white, ...white, ...white, ...white, ...white];
  const sheet = sheetOf([dot, { ...dot, data: Uint8Array.from(red) }], 1);
  const middle = [...white, ...blue, ...white, ...red, ...white];
  expect(sheet).toEqual({ data: Uint8Array.from([...empty, ...middle, ...empty]), width: 5, height: 3 });
});
