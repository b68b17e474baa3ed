import { applyRope, composeRope, ropeTables, type RopeTables } from '../rope/index.ts';
import { conformanceCase, constant, normal, type ConformanceCase } from './case.ts';
import { headsCases } from './heads-cases.ts';
import { applyRope as applyRopeReference, ropeTables as tablesReference } from './reference-attention.ts';

const tables = [
  { name: 'text', headDim: 6, positions: [[[0, 1, 2, 5, 1999]]], sections: [3] },
  { name: 'the smallest head', headDim: 2, positions: [[[3]]], sections: [1] },
  {
    name: 'M-RoPE, two batch members',
    headDim: 16,
    sections: [2, 3, 3],
    positions: [
      [[0, 4, 4], [9, 9, 9]],
      [[0, 4, 5], [9, 10, 11]],
      [[0, 6, 4], [700, 9, 10]],
    ], // prettier-ignore
  },
  {
    name: 'four sections on three axes',
    headDim: 8,
    sections: [1, 1, 1, 1],
    positions: [[[2, 3]], [[5, 7]], [[11, 13]]],
  },
];
const theta = 1e6;

const tableCases = tables.flatMap(({ name, positions, headDim, sections }) => {
  const { cos, sin } = tablesReference({ positions, headDim, theta, sections });
  const [batch, tokens] = cos.shape as [number, number];
  return [
    conformanceCase({
      op: 'ropeTables',
      name,
      inputs: {},
      run: () => ({ ...ropeTables(positions, { headDim, theta, sections }) }),
      reference: () => ({ cos, sin }),
    }),
    conformanceCase({
      op: 'applyRope',
      name,
      inputs: {
        x: normal([batch, 3, tokens, headDim]),
        cos: constant(cos.shape, cos.values),
        sin: constant(sin.shape, sin.values),
      },
      run: ({ x, cos, sin }) => ({ y: applyRope(x, { cos, sin } as RopeTables) }),
      reference: ({ x, cos, sin }) => ({ y: applyRopeReference(x, { cos, sin }) }),
    }),
  ];
});

/** Where each of two prompts ends, and a grid of three latents from there; the expected tables are those of the sums. */
const [starts, grid] = [[[[7], [1800]]], [[[0, 1, 30]]]] as const;
const sums = [starts[0].map(([start]) => grid[0][0].map((place) => start! + place))];
const shape = { headDim: 6, theta, sections: [3] };
const [a, b] = [tablesReference({ positions: starts, ...shape }), tablesReference({ positions: grid, ...shape })];

const composition = conformanceCase({
  op: 'composeRope',
  name: 'a start for each batch member, a place for each token',
  inputs: {
    aCos: constant(a.cos.shape, a.cos.values),
    aSin: constant(a.sin.shape, a.sin.values),
    bCos: constant(b.cos.shape, b.cos.values),
    bSin: constant(b.sin.shape, b.sin.values),
  },
  run: ({ aCos, aSin, bCos, bSin }) => ({
    ...composeRope({ cos: aCos, sin: aSin } as RopeTables, { cos: bCos, sin: bSin } as RopeTables),
  }),
  reference: () => tablesReference({ positions: sums, ...shape }),
});

export const ropeCases: readonly ConformanceCase[] = [...tableCases, composition, ...headsCases];
