import { applyRope, ropeTables } from '../rope/index.ts';
import { conformanceCase, constant, normal, type ConformanceCase } from './case.ts';
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

export const ropeCases: readonly ConformanceCase[] = tables.flatMap(({ name, positions, headDim, sections }) => {
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
      run: ({ x, cos, sin }) => ({ y: applyRope(x, { cos, sin } as Parameters<typeof applyRope>[1]) }),
      reference: ({ x, cos, sin }) => ({ y: applyRopeReference(x, { cos, sin }) }),
    }),
  ];
});
