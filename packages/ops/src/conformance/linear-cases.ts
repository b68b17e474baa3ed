import { linear } from '../linear/index.ts';
import { conformanceCase, normal, type ConformanceCase } from './case.ts';
import * as reference from './reference.ts';

export const linearCases: readonly ConformanceCase[] = [
  { name: 'a single number', x: [1], weight: [1, 1], bias: false },
  { name: 'one row', x: [5], weight: [3, 5], bias: true },
  { name: 'primes', x: [2, 3, 13], weight: [17, 13], bias: true },
  { name: 'primes, no bias', x: [2, 3, 13], weight: [17, 13], bias: false },
  { name: 'a long inner axis', x: [3, 263], weight: [2, 263], bias: true },
  { name: 'many rows', x: [67, 5], weight: [3, 5], bias: true },
  { name: 'more rows and columns than a tile', x: [35, 3], weight: [37, 3], bias: true },
].map(({ name, x, weight, bias }) =>
  bias
    ? conformanceCase({
        op: 'linear',
        name,
        inputs: { x: normal(x), weight: normal(weight), bias: normal([weight[0]!]) },
        run: ({ x, weight, bias }) => ({ y: linear(x, weight, bias) }),
        reference: ({ x, weight, bias }) => ({ y: reference.linear(x, weight, bias) }),
      })
    : conformanceCase({
        op: 'linear',
        name,
        inputs: { x: normal(x), weight: normal(weight) },
        run: ({ x, weight }) => ({ y: linear(x, weight) }),
        reference: ({ x, weight }) => ({ y: reference.linear(x, weight) }),
      }),
);
