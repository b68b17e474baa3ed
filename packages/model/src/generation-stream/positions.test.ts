import { ropeTables } from '@latte-flow/ops';
import { bootBackend } from '@latte-flow/runtime';
import { dispose, memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { tinyConfig } from '../testing/tiny-stream.ts';
import { contextEndRope, gridPositions, latentRope } from './positions.ts';

const oneAxis = { ...tinyConfig, mropeSection: undefined };
const ends = [3, 1000];

beforeAll(() => bootBackend({ device: 'cpu' }).then(() => undefined));

test('offsets are (0, row, column), or the raster index', () => {
  const plain = (config: typeof tinyConfig) => gridPositions(config).map((rows) => rows.map((row) => Array.from(row)));
  expect(plain(tinyConfig)).toEqual([[[0, 0, 0, 0]], [[0, 0, 1, 1]], [[0, 1, 0, 1]]]);
  expect(plain(oneAxis)).toEqual([[[0, 1, 2, 3]]]);
});

test.each([
  [
    'M-RoPE',
    tinyConfig,
    (end: number) =>
      [
        [0, 0, 0, 0],
        [0, 0, 1, 1],
        [0, 1, 0, 1],
      ].map((axis) => axis.map((o) => end + o)),
  ],
  ['one-dimensional RoPE', oneAxis, (end: number) => [[end, end + 1, end + 2, end + 3]]],
] as const)('%s: the rotations are those of positions counted from the end of each context', async (_, config, at) => {
  const before = memory().numTensors;
  const start = contextEndRope(config, ends);
  const rope = latentRope(config, start);
  const perEnd = ends.map((end) => at(end));
  const positions = perEnd[0]!.map((_axis, axis) => perEnd.map((axes) => axes[axis]!));
  const { headDim, ropeTheta: theta, mropeSection: sections } = config;
  const direct = ropeTables(positions, { headDim, theta, sections });
  for (const table of ['cos', 'sin'] as const) {
    expect(rope[table].shape).toEqual([2, 4, headDim]);
    const expected = await direct[table].data();
    (await rope[table].data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
  }
  dispose([start, rope, direct].flatMap(({ cos, sin }) => [cos, sin]));
  expect(memory().numTensors).toBe(before);
});
