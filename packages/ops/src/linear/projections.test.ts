import { normalNoise } from '@latte-flow/core';
import { bootBackend, dequantise, type PackedFormat, type Weight } from '@latte-flow/runtime';
import {
  dispose,
  grads,
  memory,
  mul,
  sum,
  tensor,
  tensor1d,
  tensor2d,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { linear, projections } from './index.ts';
import { withKernels } from '../kernel/selection.ts';

const noise = (length: number, image: number): Float32Array => normalNoise(length, { seed: 5, image });

interface Sizes {
  readonly rows: number;
  readonly inner: number;
  readonly outs: readonly number[];
}

function draw({ rows, inner, outs }: Sizes, hasBias: boolean) {
  const x = tensor2d(noise(rows * inner, 0), [rows, inner]);
  const sides = outs.map((out, i) => ({
    weight: tensor2d(noise(out * inner, 2 * i + 1), [out, inner]),
    ...(hasBias && { bias: tensor1d(noise(out, 2 * i + 2)) }),
  }));
  return { x, sides };
}

async function expectClose(actual: readonly Tensor[], expected: readonly Tensor[], scale: number): Promise<void> {
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  for (const [i, tensor] of actual.entries()) {
    const [values, wanted] = [await tensor.data(), await expected[i]!.data()];
    values.forEach((value, at) => expect(Math.abs(value - wanted[at]!)).toBeLessThan(1e-6 * scale));
  }
}

const cases: readonly Sizes[] = [
  { rows: 1, inner: 8, outs: [3, 5] },
  { rows: 3, inner: 12, outs: [8, 4, 4] },
  { rows: 5, inner: 7, outs: [3, 2, 6] },
  { rows: 70, inner: 20, outs: [36, 132] },
  { rows: 6, inner: 900, outs: [8, 12, 4] },
];

describe('projections', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  for (const sizes of cases) {
    for (const hasBias of [false, true]) {
      webgpuTest(`of ${sizes.rows} rows to ${sizes.outs.join(', ')}${hasBias ? ' with biases' : ''}`, async () => {
        const { x, sides } = draw(sizes, hasBias);
        const before = memory().numTensors;
        const together = projections(x, sides);
        expect(memory().numTensors).toBe(before + sizes.outs.length);
        const separate = withKernels({ choice: 'portable' }, () =>
          sides.map(({ weight, bias }) => linear(x, weight, bias)),
        );
        await expectClose(together, separate, sizes.inner);
        dispose([together, separate, x, sides.map((side) => Object.values(side))] as unknown as Tensor[]);
      });
    }
  }

  for (const format of ['float16', 'int8', 'int4'] as const satisfies readonly PackedFormat[]) {
    webgpuTest(`of packed weights, ${format}`, async () => {
      for (const rows of [2, 9]) {
        const x = tensor2d(noise(rows * 64, 0), [rows, 64]);
        const weights = [5, 12].map((out, i): Weight => packed(format, out, i));
        const together = projections(
          x,
          weights.map((weight) => ({ weight })),
        );
        const separate = weights.map((weight) => linear(x, dequantise(weight as never)));
        await expectClose(together, separate, 64);
        dispose([x, ...together, ...separate]);
      }
    });
  }

  test.each(['cpu', 'wasm'] as const)('are linear maps one by one on %s, with their gradients', async (device) => {
    await bootBackend({ device });
    const { x, sides } = draw({ rows: 2, inner: 3, outs: [2, 4] }, true);
    const loss = (input: Tensor, first: Tensor): Scalar => {
      const [a, b] = projections(input, [{ ...sides[0]!, weight: first }, sides[1]!]);
      return sum(mul(sum(a!), sum(b!))) as Scalar;
    };
    const separately = (input: Tensor, first: Tensor): Scalar =>
      sum(
        mul(sum(linear(input, first, sides[0]!.bias)), sum(linear(input, sides[1]!.weight, sides[1]!.bias))),
      ) as Scalar;
    const inputs = [x, sides[0]!.weight];
    await expectClose(
      grads((...args) => loss(args[0]!, args[1]!))(inputs),
      grads((...args) => separately(args[0]!, args[1]!))(inputs),
      30,
    );
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  test('refuse weights of another width', async () => {
    await bootBackend({ device: 'cpu' });
    const { x, sides } = draw({ rows: 2, inner: 3, outs: [2] }, false);
    const other = tensor([1, 2], [1, 2]);
    expect(() => projections(x, [sides[0]!, { weight: other }])).toThrow(
      'projections: expected sides[1].weight of shape [O, 3], got [1, 2]',
    );
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });
});

/** A weight [out, 64] whose codes are drawn. */
function packed(format: PackedFormat, out: number, image: number): Weight {
  const words = { float16: 32, int8: 16, int4: 8 }[format];
  const drawn = noise(out * words * 2, 20 + image);
  // Halves of moderate size: exponent bits around 1.
  const half = (i: number): number =>
    0x3800 + (Math.floor(Math.abs(drawn[i]!) * 512) & 0x3ff) + (drawn[i]! < 0 ? 0x8000 : 0);
  const byte = (i: number): number => Math.floor(Math.abs(drawn[i % drawn.length]!) * 1000) & 0xff;
  const word = (i: number): number =>
    format === 'float16'
      ? half(2 * i) | (half(2 * i + 1) << 16)
      : byte(2 * i) | (byte(2 * i + 1) << 8) | (byte(3 * i) << 16) | (byte(5 * i) << 24);
  const codes = tensor2d(
    Int32Array.from({ length: out * words }, (_, i) => word(i)),
    [out, words],
    'int32',
  );
  if (format === 'float16') return { shape: [out, 64], format, codes };
  const scales = format === 'int8' ? [out] : [out, words / 4];
  const count = scales.reduce((a, b) => a * b, 1);
  return {
    shape: [out, 64],
    format,
    codes,
    scales: tensor(
      Float32Array.from({ length: count }, (_, i) => 0.01 * (i + 1)),
      scales,
    ),
  };
}
