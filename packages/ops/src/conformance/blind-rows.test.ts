import { normalNoise } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { add, grads, mul, sum, tensor, tensor2d, tensor4d, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { attention, attentionVisibility, type ResidualForm } from '../attention/index.ts';
import { withPrecision } from '../kernel/precision.ts';

const [HEADS, TOKENS, WIDTH] = [2, 3, 5];
const block = (image: number, scale = 1): Tensor =>
  tensor4d(
    normalNoise(HEADS * TOKENS * WIDTH, { seed: 3, image }).map((x) => scale * x),
    [1, HEADS, TOKENS, WIDTH],
  );
const map = (image: number): Tensor =>
  tensor4d(normalNoise(HEADS * TOKENS * TOKENS, { seed: 3, image }), [1, HEADS, TOKENS, TOKENS]);

/** The rows of query 0, the only one that sees nothing: causal, and its own key is padding. */
async function blindRows(x: Tensor): Promise<number[]> {
  const values = await x.data();
  const width = x.shape[3]!;
  return Array.from({ length: HEADS }, (_, head) => [
    ...values.subarray(head * TOKENS * width, head * TOKENS * width + width),
  ]).flat();
}

function expectZeros(values: readonly number[], count: number): void {
  expect(values).toHaveLength(count);
  expect(values.filter((x) => x !== 0)).toEqual([]); // -0 is 0
}

const forms: (ResidualForm | undefined)[] = [undefined, 'scores', 'probabilities'];

const devices = [
  { device: 'cpu', precision: 'float32', runTest: test, present: true },
  { device: 'wasm', precision: 'float32', runTest: test, present: true },
  { device: 'webgpu', precision: 'float32', runTest: webgpuTest, present: webgpuMissing === undefined },
  { device: 'webgpu', precision: 'float16', runTest: webgpuTest, present: webgpuMissing === undefined },
] as const;

describe.each(devices)('$device, $precision: a query that sees nothing', ({ device, precision, runTest, present }) => {
  beforeAll(async () => {
    if (present) await bootBackend({ device });
  });

  for (const form of forms) {
    runTest(`gives exactly 0 and no gradient, residual ${form ?? 'off'}`, async () => {
      const visibility = attentionVisibility({
        batch: 1,
        tokens: TOKENS,
        causal: true,
        mask: tensor2d([[0, 1, 1]], [1, TOKENS], 'bool'),
      });
      const [query, key, value] = [block(0, 10), block(1), block(2)];
      const residual = form && { form, previous: map(3), gate: tensor([0.7, -1.3], [1, HEADS]) };
      const run = (query: Tensor, key: Tensor, value: Tensor) =>
        withPrecision(precision, () => attention({ query, key, value, visibility, residual }));

      const { output, map: carried } = run(query, key, value);
      expectZeros(await blindRows(output), HEADS * WIDTH);
      expect([...(await output.data())].every(Number.isFinite)).toBe(true);
      expect(carried === undefined || [...(await carried.data())].every(Number.isFinite)).toBe(true);

      const gradients = grads((...inputs: Tensor[]): Scalar => {
        const result = run(inputs[0]!, inputs[1]!, inputs[2]!);
        const ofOutput = sum(mul(result.output, block(4)));
        // The scores of a blind row are still products of its query: their map is carried, but never reaches an output.
        return (form === 'probabilities' ? add(ofOutput, sum(mul(result.map!, map(5)))) : ofOutput) as Scalar;
      })([query, key, value]);
      expectZeros(await blindRows(gradients[0]!), HEADS * WIDTH);
      for (const gradient of gradients) {
        const values = [...(await gradient.data())];
        expect(values.every(Number.isFinite)).toBe(true);
        expect(values.some((x) => x !== 0)).toBe(true);
      }
      // Key and value 0 are hidden from everyone.
      if (form === undefined) {
        expectZeros(await blindRows(gradients[1]!), HEADS * WIDTH);
        expectZeros(await blindRows(gradients[2]!), HEADS * WIDTH);
      }
    });
  }
});
