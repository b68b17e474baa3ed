import { LatteFlowError } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory, zeros, type Tensor } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import {
  applyRope,
  attention,
  attentionVisibility,
  embed,
  gatedAdd,
  layerNorm,
  linear,
  modulate,
  rmsNorm,
  softmaxCrossEntropy,
  swiglu,
} from './index.ts';

await bootBackend({ device: 'cpu' }); // the table below holds tensors

const z = (...shape: number[]): Tensor => zeros(shape);
const [query, key] = [z(1, 4, 3, 6), z(1, 2, 3, 6)];
const block = { query, key, value: key };

const refusals: [op: string, argument: string, call: () => unknown][] = [
  ['linear', 'weight', () => linear(z(2, 3), z(3))],
  ['linear', 'x', () => linear(z(2, 3), z(5, 4))],
  ['linear', 'bias', () => linear(z(2, 3), z(5, 3), z(3))],
  ['rmsNorm', 'weight', () => rmsNorm(z(2, 3), z(2), 1e-6)],
  ['layerNorm', 'weight', () => layerNorm(z(2, 3), z(2), z(3), 1e-6)],
  ['layerNorm', 'bias', () => layerNorm(z(2, 3), z(3), z(1), 1e-6)],
  ['swiglu', 'up', () => swiglu(z(2, 3), z(3, 2))],
  ['modulate', 'x', () => modulate(z(5, 7), z(2, 7), z(2, 7))],
  ['modulate', 'scale', () => modulate(z(2, 5, 7), z(1, 7), z(2, 7))],
  ['modulate', 'shift', () => modulate(z(2, 5, 7), z(2, 7), z(7))],
  ['gatedAdd', 'scale', () => gatedAdd(z(2, 5, 7), z(2, 5), z(2, 5, 7))],
  ['gatedAdd', 'y', () => gatedAdd(z(2, 5, 7), z(2, 7), z(2, 1, 7))],
  ['applyRope', 'x', () => applyRope(z(2, 5, 8), { cos: zeros([2, 5, 8]), sin: zeros([2, 5, 8]) })],
  ['applyRope', 'cos', () => applyRope(z(2, 1, 5, 8), { cos: zeros([2, 5, 4]), sin: zeros([2, 5, 8]) })],
  ['applyRope', 'sin', () => applyRope(z(2, 1, 5, 8), { cos: zeros([2, 5, 8]), sin: zeros([1, 5, 8]) })],
  ['embed', 'ids', () => embed(zeros([3], 'int32'), z(4, 5))],
  ['embed', 'table', () => embed(zeros([1, 3], 'int32'), z(4))],
  ['softmaxCrossEntropy', 'logits', () => softmaxCrossEntropy(z(3), zeros([3], 'int32'), z(3))],
  ['softmaxCrossEntropy', 'labels', () => softmaxCrossEntropy(z(3, 5), zeros([2], 'int32'), z(3))],
  ['softmaxCrossEntropy', 'weights', () => softmaxCrossEntropy(z(3, 5), zeros([3], 'int32'), z(3, 1))],
  ['attention', 'query', () => attention({ ...block, query: z(4, 3, 6) })],
  ['attention', 'key', () => attention({ ...block, key: z(1, 2, 4, 6) })],
  ['attention', 'value', () => attention({ ...block, value: z(1, 1, 3, 6) })],
  ['attention', 'context.key', () => attention({ ...block, context: { key: z(1, 4, 2, 6), value: key } })],
  ['attention', 'context.value', () => attention({ ...block, context: { key, value: z(1, 2, 4, 6) } })],
  ['attention', 'heads', () => attention({ query, key: z(1, 3, 3, 6), value: z(1, 3, 3, 6) })],
  [
    'attention',
    'visibility.bias',
    () =>
      attention({ ...block, visibility: attentionVisibility({ batch: 1, tokens: 3 }), context: { key, value: key } }),
  ],
  [
    'attention',
    'residual.previous',
    () => attention({ ...block, residual: { form: 'scores', previous: z(1, 2, 3, 3), gate: z(1, 4) } }),
  ],
  ['attention', 'residual.gate', () => attention({ ...block, residual: { form: 'scores', previous: z(1, 4, 3, 3) } })],
  ['attentionVisibility', 'mask', () => attentionVisibility({ batch: 1, tokens: 3, mask: z(1, 2) })],
  [
    'attentionVisibility',
    'contextMask',
    () => attentionVisibility({ batch: 1, tokens: 3, contextTokens: 2, contextMask: z(2, 2) }),
  ],
];

test.each(refusals)('%s refuses %s of the wrong shape, by name', (op, argument, call) => {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(LatteFlowError.isInstance(error) && error.code).toBe('shape-mismatch');
  expect((error as LatteFlowError).where).toBe(op);
  expect((error as LatteFlowError).message).toContain(argument);
});

test('a refusal leaves no tensor behind', () => {
  const [x, weight, bias] = [z(2, 3), z(5, 3), z(4)];
  const before = memory().numTensors;
  expect(() => linear(x, weight, bias)).toThrow('linear: expected bias of shape [5], got [4]');
  expect(memory().numTensors).toBe(before);
});
