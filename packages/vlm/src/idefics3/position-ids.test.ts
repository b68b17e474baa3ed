import { expect, test } from 'vitest';

import { tilePositionIds } from './position-ids.ts';

const raster = (side: number): number[] => Array.from({ length: side ** 2 }, (_, i) => i);

test.each([8, 26, 27, 32])('a tile of %i patches an edge takes the positions in raster order', (side) => {
  expect([...tilePositionIds(side, side)]).toEqual(raster(side));
});

test('the sizes at which the float32 of the reference strays from raster order', () => {
  const sides = Array.from({ length: 44 }, (_, i) => i + 1);
  const strays = sides.filter((side) => tilePositionIds(side, side).some((id, i) => id !== i));
  expect(strays).toEqual([19, 25, 29, 31, 38, 40, 41, 43]);
});

test('a smaller tile is spread over all positions, a larger one shares them', () => {
  expect([...tilePositionIds(2, 4)]).toEqual([0, 2, 8, 10]);
  expect([...tilePositionIds(4, 2)]).toEqual([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]);
});
