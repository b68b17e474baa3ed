import { softmaxCrossEntropy } from '../cross-entropy/index.ts';
import { embed } from '../embedding/index.ts';
import { conformanceCase, constant, normal, type ConformanceCase } from './case.ts';
import * as reference from './reference.ts';

interface EmbedDraft {
  readonly name: string;
  readonly ids: readonly number[];
  readonly shape: readonly number[];
  readonly table: readonly number[];
  readonly large?: boolean;
}

function embedCase({ name, ids, shape, table, large }: EmbedDraft): ConformanceCase {
  return conformanceCase({
    op: 'embed',
    name,
    large,
    inputs: { ids: constant(shape, ids, 'int32'), table: normal(table) },
    run: ({ ids, table }) => ({ rows: embed(ids, table) }),
    reference: ({ ids, table }) => ({ rows: reference.embed(ids, table) }),
  });
}

interface CrossEntropyDraft {
  readonly name: string;
  readonly classes: number;
  readonly labels: readonly number[];
  readonly weights: readonly number[];
  readonly scale?: number;
  readonly large?: boolean;
}

function crossEntropyCase({ name, classes, labels, weights, scale, large }: CrossEntropyDraft): ConformanceCase {
  return conformanceCase({
    op: 'softmaxCrossEntropy',
    name,
    large,
    inputs: {
      logits: normal([labels.length, classes], { scale }),
      labels: constant([labels.length], labels, 'int32'),
      weights: constant([labels.length], weights),
    },
    run: ({ logits, labels, weights }) => ({ loss: softmaxCrossEntropy(logits, labels, weights) }),
    reference: ({ logits, labels, weights }) => ({ loss: reference.softmaxCrossEntropy(logits, labels, weights) }),
  });
}

export const tokenCases: readonly ConformanceCase[] = [
  ...[
    { name: 'repeated and unused rows', ids: [6, 0, 3, 3, 6, 3], shape: [2, 3], table: [7, 5] },
    { name: 'four channels at once', ids: [6, 0, 3, 3, 6, 3], shape: [2, 3], table: [7, 8] },
    { name: 'one row', ids: [0], shape: [1, 1], table: [1, 1] },
  ].map(embedCase),
  ...[
    { name: 'all rows', classes: 11, labels: [0, 10, 4, 4, 7], weights: [1, 1, 1, 1, 1] },
    { name: 'four classes at once', classes: 12, labels: [0, 11, 4, 6, 7], weights: [1, 1, 1, 1, 1] },
    { name: 'unequal and zero weights', classes: 11, labels: [0, 10, 4, 4, 7], weights: [0.5, 0, 2, 0, 3] },
    { name: 'all weights zero', classes: 11, labels: [0, 10, 4], weights: [0, 0, 0] },
    { name: 'a label of -1 where the weight is zero', classes: 5, labels: [-1, 3, -1], weights: [0, 1, 0] },
    { name: 'large logits', classes: 7, labels: [6, 0, 3], weights: [1, 1, 1], scale: 30 },
    { name: 'tiny logits', classes: 7, labels: [6, 0, 3], weights: [1, 1, 1], scale: 1e-4 },
    { name: 'one class', classes: 1, labels: [0, 0], weights: [1, 2] },
  ].map(crossEntropyCase),
];

/** Numbers without a pattern that a kernel could share. */
const scattered = (count: number, below: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * i * 31 + i * 7) % below);

const large = true;

export const largeTokenCases: readonly ConformanceCase[] = [
  embedCase({ name: 'more tokens than a block', ids: scattered(9001, 5), shape: [1, 9001], table: [5, 3], large }),
  embedCase({ name: 'rows of several tiles', ids: scattered(30, 9), shape: [2, 15], table: [10, 268], large }),
  crossEntropyCase({
    name: 'more classes than lanes',
    classes: 1500,
    labels: scattered(7, 1500),
    weights: scattered(7, 3),
    scale: 5,
    large,
  }),
];
