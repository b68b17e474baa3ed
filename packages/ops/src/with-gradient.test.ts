import { bootBackend } from '@latte-flow/runtime';
import {
  add,
  engine,
  grads,
  memory,
  mul,
  square,
  sum,
  tensor1d,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { withGradient } from './with-gradient.ts';

beforeAll(() => bootBackend({ device: 'cpu' }));

const depths: number[] = [];

/** x^2 with an intermediate tensor, and a slope of 7 so that it is known where the gradient comes from. */
function seven(x: Tensor): Tensor {
  return withGradient(
    [x],
    (x_) => {
      depths.push(engine().state.kernelDepth);
      add(x_, 1);
      return square(x_);
    },
    (dy) => [mul(dy, 7)],
  );
}

test('outside of a gradient the forward runs alone, and leaves its result alone', async () => {
  const x = tensor1d([3, -2]);
  const before = memory().numTensors;
  depths.length = 0;
  const y = seven(x);
  expect([...(await y.data())]).toEqual([9, 4]);
  expect(depths).toEqual([0]);
  expect(memory().numTensors).toBe(before + 1);
  y.dispose();
  expect(() =>
    withGradient(
      [x],
      (x_) => {
        add(x_, 1);
        throw new Error('forward');
      },
      (dy) => [dy],
    ),
  ).toThrow('forward');
  expect(memory().numTensors).toBe(before);
  expect(engine().state.kernelDepth).toBe(0);
});

test('inside of a gradient the own gradient is used, in the order of the inputs', async () => {
  const x = tensor1d([3, -2]);
  const before = memory().numTensors;
  depths.length = 0;
  const [dx] = grads((x_: Tensor) => sum(seven(x_)) as Scalar)([x]);
  expect([...(await dx!.data())]).toEqual([7, 7]);
  expect(depths).toEqual([1]);
  dx!.dispose();
  expect(memory().numTensors).toBe(before);
});

test('inside of the forward of another op nothing is recorded', async () => {
  const x = tensor1d([3, -2]);
  const before = memory().numTensors;
  const outer = (x_: Tensor): Tensor =>
    withGradient(
      [x_],
      (inner) => mul(seven(inner), 2),
      (dy) => [mul(dy, 11)],
    );
  const [dx] = grads((x_: Tensor) => sum(outer(x_)) as Scalar)([x]);
  expect([...(await dx!.data())]).toEqual([11, 11]);
  dx!.dispose();
  expect(memory().numTensors).toBe(before);
});
