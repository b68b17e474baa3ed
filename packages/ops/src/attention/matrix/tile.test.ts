import type { Program } from '@latte-flow/runtime';
import { describe, expect, test } from 'vitest';

import { carriedKeyGradientBytes, carriedKeyGradientProgram } from './carried-key-gradient.ts';
import { forwardBytes, forwardProgram } from './forward-program.ts';
import { keyGradientBytes, keyGradientProgram } from './key-gradient.ts';
import { queryGradientBytes, queryGradientProgram } from './query-gradient.ts';
import { chooseMatrixTile, keyOfTile, type MatrixTile } from './tile.ts';

const NVIDIA = { rows: 16, columns: 16, depth: 16, subgroupSize: 32 };
const LAVAPIPE = { rows: 8, columns: 8, depth: 8, subgroupSize: 8 };

const BYTES = new Map(Object.entries({ vec2u: 8, vec4f: 16 }));

/** Of the variables that a program declares, each rounded up to 16 bytes, as WebGPU counts. */
function declaredBytes({ body }: Program): number {
  const arrays = [...body.matchAll(/var<workgroup> \w+: array<(\w+), (\d+)>/g)];
  const variables = [...body.matchAll(/var<workgroup> /g)];
  const sizes = arrays.map(([, type, count]) => Math.ceil((BYTES.get(type!)! * Number(count)) / 16) * 16);
  return sizes.reduce((sum, size) => sum + size, 16 * (variables.length - arrays.length));
}

interface Kernel {
  readonly name: string;
  readonly bytes: (tile: MatrixTile) => number;
  readonly program: (tile: MatrixTile) => Program;
}

const KERNELS: readonly Kernel[] = [
  {
    name: 'forward',
    bytes: forwardBytes,
    program: (tile) => forwardProgram('bound', 'vectors', true, 'carried', true, ...keyOfTile(tile)),
  },
  {
    name: 'query gradient',
    bytes: queryGradientBytes,
    program: (tile) => queryGradientProgram('bound', 'vectors', 'scores', true, true, ...keyOfTile(tile)),
  },
  {
    name: 'key gradient',
    bytes: keyGradientBytes,
    program: (tile) => keyGradientProgram('pairs', ...keyOfTile(tile)),
  },
  {
    name: 'carried key gradient',
    bytes: carriedKeyGradientBytes,
    program: (tile) => carriedKeyGradientProgram('vectors', true, ...keyOfTile(tile)),
  },
];

describe.each(KERNELS)('the tile of the $name', ({ bytes, program }) => {
  const choose = (unit: typeof NVIDIA, unitStorage: number, width: number): MatrixTile | undefined => {
    const limits = { unitStorage, unitSteps: 4, workgroups: 256 };
    return chooseMatrixTile(unit, { width, rows: 256, batches: 384, columns: 256 }, bytes, limits);
  };

  for (const [unit, storage] of [
    [NVIDIA, 48 * 1024],
    [LAVAPIPE, 32 * 1024],
  ] as const) {
    test.each([24, 40, 48, 64, 80, 128])(
      `fits ${storage} bytes with heads of %i, ${unit.rows} x ${unit.columns}`,
      (width) => {
        const tile = choose(unit, storage, width)!;
        expect(tile.subgroups).toBe(4);
        expect(declaredBytes(program(tile))).toBe(bytes(tile));
        expect(bytes(tile)).toBeLessThanOrEqual(storage);
      },
    );
  }

  test('is none where heads are too wide, or memory too small', () => {
    expect(choose(NVIDIA, 48 * 1024, 136)).toBeUndefined();
    expect(choose(NVIDIA, 1024, 64)).toBeUndefined();
  });
});
