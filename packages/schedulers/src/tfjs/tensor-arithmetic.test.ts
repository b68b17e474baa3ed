import { profile, setBackend, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { combineTensors, tensorArithmetic } from './tensor-arithmetic.ts';

beforeAll(async () => {
  await import('@tensorflow/tfjs-backend-cpu');
  await setBackend('cpu');
});

test.each([1, 2, 7, 8, 13, 20])(
  'a combination of %i tensors is their sum, in operations of 8 arrays at most',
  async (count) => {
    const terms = Array.from({ length: count }, (_, i) => [i + 1, tensor([1, 10 ** -i, -i])] as const);
    let combined: Tensor | undefined;
    const { kernels } = await profile(() => (combined = combineTensors(terms)));
    const expected = [0, 1, 2].map((column) =>
      terms.reduce((sum, [coefficient], i) => sum + coefficient * [1, 10 ** -i, -i][column]!, 0),
    );
    (await combined!.data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 3));
    const sums = kernels.filter(({ name }) => name === 'AddN');
    expect(sums).toHaveLength(Math.ceil((count - 1) / 6));
    for (const { inputShapes } of sums) expect(inputShapes.length).toBeLessThanOrEqual(7);
  },
);

test('the error norm is the root mean square over the larger of both samples', async () => {
  const [error, a, b] = [tensor([3e-3, -4e-3]), tensor([1, -2]), tensor([-3, 0])];
  const norm = tensorArithmetic.norm(error, [a, b], { rtol: 1e-3, atol: 1e-3 }) as Tensor;
  const expected = Math.sqrt(((3 / 4) ** 2 + (4 / 3) ** 2) / 2);
  expect(await tensorArithmetic.read!(norm)).toBeCloseTo(expected, 6);
});
