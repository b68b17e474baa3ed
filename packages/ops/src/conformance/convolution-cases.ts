import { convolution, depthwiseConvolution, groupedPointwise } from '../convolution/index.ts';
import { conformanceCase, normal, type ConformanceCase } from './case.ts';
import { convolution as reference } from './reference-convolution.ts';

const fullCases = [
  { name: 'one pixel', x: [1, 1, 1, 1], weight: [1, 1, 3, 3], stride: 1, bias: true },
  { name: 'primes', x: [2, 5, 7, 3], weight: [5, 3, 3, 3], stride: 1, bias: true },
  { name: 'primes, no bias', x: [2, 5, 7, 3], weight: [5, 3, 3, 3], stride: 1, bias: false },
  { name: 'stride 2, even sizes', x: [2, 6, 4, 3], weight: [2, 3, 3, 3], stride: 2, bias: true },
  { name: 'stride 2, odd sizes', x: [1, 5, 7, 2], weight: [3, 2, 3, 3], stride: 2, bias: false },
  { name: 'stride 3', x: [1, 7, 5, 2], weight: [3, 2, 3, 3], stride: 3, bias: false },
  { name: 'side 5', x: [1, 3, 4, 2], weight: [2, 2, 5, 5], stride: 1, bias: false },
  { name: 'channels in vectors', x: [2, 4, 3, 8], weight: [5, 8, 3, 3], stride: 1, bias: true },
  { name: 'channels in vectors, stride 2', x: [1, 5, 4, 4], weight: [4, 4, 3, 3], stride: 2, bias: false },
  { name: 'side 1', x: [1, 3, 4, 5], weight: [2, 5, 1, 1], stride: 1, bias: true },
  { name: 'side 1, stride 2', x: [1, 3, 4, 5], weight: [2, 5, 1, 1], stride: 2, bias: true },
].map(({ name, x, weight, stride, bias }) =>
  bias
    ? conformanceCase({
        op: 'convolution',
        name,
        inputs: { x: normal(x), weight: normal(weight), bias: normal([weight[0]!]) },
        run: ({ x, weight, bias }) => ({ y: convolution(x, weight, { bias, stride }) }),
        reference: ({ x, weight, bias }) => ({ y: reference(x, weight, { bias, stride }) }),
      })
    : conformanceCase({
        op: 'convolution',
        name,
        inputs: { x: normal(x), weight: normal(weight) },
        run: ({ x, weight }) => ({ y: convolution(x, weight, { stride }) }),
        reference: ({ x, weight }) => ({ y: reference(x, weight, { stride }) }),
      }),
);

const depthwiseCases = [
  { name: 'primes', x: [2, 5, 7, 3], kernel: 3 },
  { name: 'more pixels than a segment', x: [1, 11, 13, 2], kernel: 3 },
  { name: 'a kernel larger than the picture', x: [1, 2, 1, 3], kernel: 5 },
].map(({ name, x, kernel }) =>
  conformanceCase({
    op: 'depthwiseConvolution',
    name,
    inputs: { x: normal(x), weight: normal([x[3]!, 1, kernel, kernel]), bias: normal([x[3]!]) },
    run: ({ x, weight, bias }) => ({ y: depthwiseConvolution(x, weight, bias) }),
    reference: ({ x, weight, bias }) => ({ y: reference(x, weight, { bias, groups: x.shape[3]! }) }),
  }),
);

const groupedCases = [
  { name: 'three groups', x: [2, 1, 3, 6], weight: [9, 2, 1, 1], groups: 3 },
  { name: 'one group', x: [1, 2, 1, 3], weight: [2, 3, 1, 1], groups: 1 },
].map(({ name, x, weight, groups }) =>
  conformanceCase({
    op: 'groupedPointwise',
    name,
    inputs: { x: normal(x), weight: normal(weight) },
    run: ({ x, weight }) => ({ y: groupedPointwise(x, weight, groups) }),
    reference: ({ x, weight }) => ({ y: reference(x, weight, { groups }) }),
  }),
);

export const convolutionCases: readonly ConformanceCase[] = [...fullCases, ...depthwiseCases, ...groupedCases];
