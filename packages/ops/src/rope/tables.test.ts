import { bootBackend } from '@latte-flow/runtime';
import * as fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';

import { ropeTables } from './tables.ts';

const THETA = 10_000;
const SECTIONS = [2, 1, 1];
const HEAD_DIM = 8;

/** cos or sin of one token by the definition. */
function expected(place: readonly number[], turn: (angle: number) => number): number[] {
  const axes = SECTIONS.flatMap((size, i) => new Array<number>(size).fill(i % place.length));
  const half = axes.map((axis, i) => Math.fround(turn(place[axis]! * THETA ** ((-2 * i) / HEAD_DIM))));
  return [...half, ...half];
}

beforeAll(async () => void (await bootBackend({ device: 'cpu' })));

// Few different positions: samples begin alike, tokens repeat, and padding does.
const position = fc.integer({ min: 0, max: 3 });

test.each([1, 3])('tables of %i axes are those of each token alone, whatever tokens share', async (axes) => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }));
  const positions = sizes.chain(([batch, tokens]) => {
    const row = fc.array(position, { minLength: tokens, maxLength: tokens });
    const axis = fc.array(row, { minLength: batch, maxLength: batch });
    return fc.array(axis, { minLength: axes, maxLength: axes });
  });
  await fc.assert(
    fc.asyncProperty(positions, async (places) => {
      const { cos, sin } = ropeTables(places, { headDim: HEAD_DIM, theta: THETA, sections: SECTIONS });
      const tokens = places[0]!.flatMap((row, b) => row.map((_, s) => places.map((axis) => axis[b]![s]!)));
      expect([...(await cos.data())]).toEqual(tokens.flatMap((place) => expected(place, Math.cos)));
      expect([...(await sin.data())]).toEqual(tokens.flatMap((place) => expected(place, Math.sin)));
      cos.dispose();
      sin.dispose();
    }),
    { seed: 7, numRuns: 200 },
  );
});
