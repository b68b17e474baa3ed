import { joinHeads, splitHeads } from '../heads/index.ts';
import type { RopeTables } from '../rope/index.ts';
import { conformanceCase, constant, normal, type ConformanceCase } from './case.ts';
import { at, build, type NdArray } from './reference.ts';
import { applyRope, ropeTables } from './reference-attention.ts';

const split = (x: NdArray, heads: number): NdArray => {
  const [batch, tokens, all] = x.shape as [number, number, number];
  const width = all / heads;
  return build([batch, heads, tokens, width], (b, h, n, e) => at(x, b!, n!, h! * width + e!));
};

const sizes = [
  { batch: 1, tokens: 1, heads: 1, width: 2 },
  { batch: 2, tokens: 3, heads: 5, width: 6 },
  { batch: 2, tokens: 5, heads: 3, width: 8 },
  { batch: 1, tokens: 7, heads: 6, width: 4 },
];

export const headsCases: readonly ConformanceCase[] = sizes.flatMap(({ batch, tokens, heads, width }) => {
  const name = [batch, tokens, heads, width].join(' x ');
  const positions = [Array.from({ length: batch }, (_, b) => Array.from({ length: tokens }, (_, n) => 7 * b + 3 * n))];
  const { cos, sin } = ropeTables({ positions, headDim: width, theta: 1e4, sections: [width / 2] });
  const x = normal([batch, tokens, heads * width]);
  return [
    conformanceCase({
      op: 'splitHeads',
      name,
      inputs: { x },
      run: ({ x }) => ({ y: splitHeads(x, heads) }),
      reference: ({ x }) => ({ y: split(x, heads) }),
    }),
    conformanceCase({
      op: 'splitHeads',
      name: `${name}, rotated`,
      inputs: { x, cos: constant(cos.shape, cos.values), sin: constant(sin.shape, sin.values) },
      run: ({ x, cos, sin }) => ({ y: splitHeads(x, heads, { cos, sin } as RopeTables) }),
      reference: ({ x, cos, sin }) => ({ y: applyRope(split(x, heads), { cos, sin }) }),
    }),
    conformanceCase({
      op: 'joinHeads',
      name,
      inputs: { x: normal([batch, heads, tokens, width]) },
      run: ({ x }) => ({ y: joinHeads(x) }),
      reference: ({ x }) => ({
        y: build([batch, tokens, heads * width], (b, n, d) => at(x, b!, Math.floor(d! / width), n!, d! % width)),
      }),
    }),
  ];
});
