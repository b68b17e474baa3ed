import { add, grad, memory, mul, ones, square, sum, tidy, type Scalar, type Variable } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { bootBackend } from '../node.ts';
import { variableGradients } from './variable-gradients.ts';

beforeAll(() => bootBackend({ device: 'cpu' }).then(() => undefined));

test('gives the loss and its gradients, and leaves nothing where the loss throws', async () => {
  const weights = tidy(() => ones([3]).variable() as Variable);
  const before = memory().numTensors;
  const loss = (): Scalar => sum(square(mul(add(weights, 1), weights)));
  const { value, grads } = tidy(() => variableGradients(loss, [weights]));
  expect(await value.array()).toBe(12);
  expect(await grads[weights.name]!.array()).toEqual([12, 12, 12]);
  for (const tensor of [value, ...Object.values(grads)]) tensor.dispose();
  expect(memory().numTensors).toBe(before);

  const failing = (): never => {
    square(mul(add(weights, 1), weights));
    throw new Error('no loss');
  };
  expect(() => tidy(() => variableGradients(failing, [weights]).value)).toThrow('no loss');
  expect(memory().numTensors).toBe(before);
  // The tape of a gradient around it is not its own.
  const outer = tidy(() => {
    const slope = grad((x) => {
      const y = square(x);
      expect(() => variableGradients(failing, [weights])).toThrow('no loss');
      return sum(y);
    });
    return slope(ones([2]));
  });
  expect(await outer.array()).toEqual([2, 2]);
  outer.dispose();
  expect(memory().numTensors).toBe(before);
  weights.dispose();
});
