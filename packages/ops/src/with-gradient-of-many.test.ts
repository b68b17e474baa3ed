import { bootBackend } from '@latte-flow/runtime';
import { add, grad, memory, mul, square, sum, tensor1d, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { withGradientOfMany } from './with-gradient-of-many.ts';

interface Call {
  readonly wanted: string[];
  readonly present: boolean[];
}

/** [a b, a^2], with the product kept for the backward pass; says what it was asked for. */
function productAndSquare(a: Tensor, b: Tensor, calls: Call[]): Tensor[] {
  return withGradientOfMany<'a' | 'b'>('productAndSquare', {
    inputs: { a, b },
    forward(save) {
      save(a, b);
      return [mul(a, b), square(a)];
    },
    gradient([ofProduct, ofSquare], [a, b], wants) {
      calls.push({
        wanted: (['a', 'b'] as const).filter(wants),
        present: [ofProduct !== undefined, ofSquare !== undefined],
      });
      const parts = [ofProduct && mul(ofProduct, b!), ofSquare && mul(ofSquare, mul(a!, 2))].filter(
        (part) => part !== undefined,
      );
      return {
        ...(wants('a') && { a: parts.reduce((total, part) => add(total, part)) }),
        ...(wants('b') && { b: mul(ofProduct!, a!) }),
      };
    },
  });
}

describe('an op with several values', () => {
  beforeAll(() => bootBackend({ device: 'cpu' }));

  test('gets the gradients of all its values, and none of a constant is asked for', async () => {
    const [a, b] = [tensor1d([2, 3]), tensor1d([5, 7])];
    const before = memory().numTensors;
    const calls: Call[] = [];
    const da = grad((x: Tensor): Scalar => sum(add(...(productAndSquare(x, b, calls) as [Tensor, Tensor]))))(a);
    expect([...(await da.data())]).toEqual([5 + 4, 7 + 6]);
    da.dispose();
    const db = grad((x: Tensor): Scalar => sum(productAndSquare(a, x, calls)[0]!))(b);
    expect([...(await db.data())]).toEqual([2, 3]);
    db.dispose();
    expect(calls).toEqual([
      { wanted: ['a'], present: [true, true] },
      { wanted: ['b'], present: [true, false] },
    ]);
    expect(memory().numTensors).toBe(before);
  });

  test('keeps nothing where no gradient is taken, or where it throws', () => {
    const x = tensor1d([2]);
    const before = memory().numTensors;
    for (const y of productAndSquare(x, x, [])) y.dispose();
    expect(memory().numTensors).toBe(before);
    const failing = (): unknown =>
      withGradientOfMany('failing', {
        inputs: { x },
        forward(save) {
          save(square(x));
          throw new RangeError('work');
        },
        gradient: () => ({}),
      });
    expect(() => grad((): Scalar => failing() as Scalar)(x)).toThrow('work');
    expect(failing).toThrow('work');
    expect(memory().numTensors).toBe(before);
  });
});
