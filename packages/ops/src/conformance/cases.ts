import { gelu, geluTanh, quickGelu, silu } from '../activation/index.ts';
import { softmaxCrossEntropy } from '../cross-entropy/index.ts';
import { embed } from '../embedding/index.ts';
import { layerNorm } from '../layer-norm/index.ts';
import { linear } from '../linear/index.ts';
import { gatedAdd, modulate } from '../modulation/index.ts';
import { rmsNorm } from '../rms-norm/index.ts';
import { swiglu } from '../swiglu/index.ts';
import { attentionCases } from './attention-cases.ts';
import { conformanceCase, constant, normal, type ConformanceCase } from './case.ts';
import { convolutionCases } from './convolution-cases.ts';
import * as reference from './reference.ts';
import { ropeCases } from './rope-cases.ts';

const SCALES = [1, 1e-4, 30];

const linearCases = [
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

const rmsNormCases = [
  { name: 'primes', x: [2, 3, 13], scale: 1 },
  { name: 'one row', x: [7], scale: 1 },
  { name: 'a width of one', x: [5, 1], scale: 1, cancelling: 1 },
  { name: 'wider than a workgroup', x: [1, 263], scale: 1 },
  { name: 'values below eps', x: [3, 11], scale: 1e-4 },
  { name: 'large values', x: [3, 11], scale: 1e4 },
].map(({ name, x, scale, cancelling }) =>
  conformanceCase({
    op: 'rmsNorm',
    name,
    cancelling,
    inputs: { x: normal(x, { scale }), weight: normal([x.at(-1)!]) },
    run: ({ x, weight }) => ({ y: rmsNorm(x, weight, 1e-6) }),
    reference: ({ x, weight }) => ({ y: reference.rmsNorm(x, weight, 1e-6) }),
  }),
);

const layerNormCases = [
  { name: 'primes', x: [2, 3, 13], scale: 1, offset: 0 },
  { name: 'one row', x: [7], scale: 1, offset: 0 },
  { name: 'a width of one', x: [5, 1], scale: 1, offset: 0, cancelling: 1e3 },
  { name: 'wider than a workgroup', x: [1, 263], scale: 1, offset: 0 },
  { name: 'values below eps', x: [3, 11], scale: 1e-4, offset: 0 },
  { name: 'large values', x: [3, 11], scale: 1e4, offset: 0 },
  { name: 'a mean of ten deviations', x: [3, 11], scale: 1, offset: 10 },
].map(({ name, x, scale, offset, cancelling }) =>
  conformanceCase({
    op: 'layerNorm',
    name,
    cancelling,
    inputs: { x: normal(x, { scale, offset }), weight: normal([x.at(-1)!]), bias: normal([x.at(-1)!]) },
    run: ({ x, weight, bias }) => ({ y: layerNorm(x, weight, bias, 1e-6) }),
    reference: ({ x, weight, bias }) => ({ y: reference.layerNorm(x, weight, bias, 1e-6) }),
  }),
);

const activationCases = [
  { op: 'silu', run: silu, define: reference.silu },
  { op: 'gelu', run: gelu, define: reference.gelu },
  { op: 'geluTanh', run: geluTanh, define: reference.geluTanh },
  { op: 'quickGelu', run: quickGelu, define: reference.quickGelu },
].flatMap(({ op, run, define }) =>
  SCALES.map((scale) =>
    conformanceCase({
      op,
      name: `values around ${scale}`,
      inputs: { x: normal([3, 7, 5], { scale }) },
      run: ({ x }) => ({ y: run(x) }),
      reference: ({ x }) => ({ y: define(x) }),
    }),
  ),
);

const swigluCases = SCALES.map((scale) =>
  conformanceCase({
    op: 'swiglu',
    name: `gates around ${scale}`,
    inputs: { gate: normal([3, 7, 5], { scale }), up: normal([3, 7, 5]) },
    run: ({ gate, up }) => ({ y: swiglu(gate, up) }),
    reference: ({ gate, up }) => ({ y: reference.swiglu(gate, up) }),
  }),
);

const modulationCases = [
  [1, 1, 1],
  [3, 5, 7],
  [2, 67, 3],
].flatMap((shape) => {
  const channels = [shape[0]!, shape[2]!];
  return [
    conformanceCase({
      op: 'modulate',
      name: `[${shape.join(', ')}]`,
      inputs: { x: normal(shape), scale: normal(channels), shift: normal(channels) },
      run: ({ x, scale, shift }) => ({ y: modulate(x, scale, shift) }),
      reference: ({ x, scale, shift }) => ({ y: reference.modulate(x, scale, shift) }),
    }),
    conformanceCase({
      op: 'gatedAdd',
      name: `[${shape.join(', ')}]`,
      inputs: { x: normal(shape), scale: normal(channels), y: normal(shape) },
      run: ({ x, scale, y }) => ({ z: gatedAdd(x, scale, y) }),
      reference: ({ x, scale, y }) => ({ z: reference.gatedAdd(x, scale, y) }),
    }),
  ];
});

const embedCases = [
  { name: 'repeated and unused rows', ids: [6, 0, 3, 3, 6, 3], shape: [2, 3], table: [7, 5] },
  { name: 'one row', ids: [0], shape: [1, 1], table: [1, 1] },
].map(({ name, ids, shape, table }) =>
  conformanceCase({
    op: 'embed',
    name,
    inputs: { ids: constant(shape, ids, 'int32'), table: normal(table) },
    run: ({ ids, table }) => ({ rows: embed(ids, table) }),
    reference: ({ ids, table }) => ({ rows: reference.embed(ids, table) }),
  }),
);

const crossEntropyCases = [
  { name: 'all rows', classes: 11, labels: [0, 10, 4, 4, 7], weights: [1, 1, 1, 1, 1], scale: 1 },
  { name: 'unequal and zero weights', classes: 11, labels: [0, 10, 4, 4, 7], weights: [0.5, 0, 2, 0, 3], scale: 1 },
  { name: 'all weights zero', classes: 11, labels: [0, 10, 4], weights: [0, 0, 0], scale: 1 },
  { name: 'a label of -1 where the weight is zero', classes: 5, labels: [-1, 3, -1], weights: [0, 1, 0], scale: 1 },
  { name: 'large logits', classes: 7, labels: [6, 0, 3], weights: [1, 1, 1], scale: 30 },
  { name: 'one class', classes: 1, labels: [0, 0], weights: [1, 2], scale: 1 },
].map(({ name, classes, labels, weights, scale }) =>
  conformanceCase({
    op: 'softmaxCrossEntropy',
    name,
    inputs: {
      logits: normal([labels.length, classes], { scale }),
      labels: constant([labels.length], labels, 'int32'),
      weights: constant([labels.length], weights),
    },
    run: ({ logits, labels, weights }) => ({ loss: softmaxCrossEntropy(logits, labels, weights) }),
    reference: ({ logits, labels, weights }) => ({ loss: reference.softmaxCrossEntropy(logits, labels, weights) }),
  }),
);

export const cases: readonly ConformanceCase[] = [
  ...linearCases,
  ...rmsNormCases,
  ...layerNormCases,
  ...activationCases,
  ...swigluCases,
  ...modulationCases,
  ...ropeCases,
  ...embedCases,
  ...crossEntropyCases,
  ...attentionCases,
  ...convolutionCases,
];
