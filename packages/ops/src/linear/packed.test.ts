import { normalNoise } from '@latte-flow/core';
import { bootBackend, captureStep, ParameterStore, type PackedFormat } from '@latte-flow/runtime';
import { grads, memory, mul, sum, tensor, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect } from 'vitest';

import { randomPacked, type RandomPacked } from '../../../../tooling/test/packed-values.ts';
import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import * as reference from '../conformance/reference.ts';
import { kernelFeatures, withKernels } from '../kernel/selection.ts';
import { linear } from './index.ts';

const FORMATS = ['float16', 'int8', 'int4'] as const;

/** Scaled errors against float64 over the values that the codes stand for, of float32 and of half precision operands. */
const FLOAT32_LIMIT = 2e-6;
const FLOAT16_LIMIT = 1e-3;

interface Shape {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

const SHAPES: readonly Shape[] = [
  { rows: 1, inputs: 1, outputs: 1 },
  { rows: 1, inputs: 4, outputs: 3 },
  { rows: 1, inputs: 2052, outputs: 7 },
  { rows: 3, inputs: 36, outputs: 131 },
  { rows: 4, inputs: 64, outputs: 17 },
  { rows: 2, inputs: 37, outputs: 13 },
  { rows: 5, inputs: 13, outputs: 17 },
  { rows: 67, inputs: 263, outputs: 37 },
  { rows: 70, inputs: 96, outputs: 131 },
  { rows: 33, inputs: 1028, outputs: 5 },
];

const VARIANTS = [
  { name: 'every feature', without: [] },
  { name: 'plain WGSL', without: ['subgroups', 'f16', 'subgroupMatrix'] },
  { name: 'portable', choice: 'portable' },
] as const;

async function load(weight: RandomPacked): Promise<ParameterStore> {
  async function* entries() {
    yield ['weight', weight] as const;
  }
  return ParameterStore.load(entries(), { where: 'test', found: new Map() });
}

/** max |got - expected| / max |expected| */
function scaledError(got: ArrayLike<number>, expected: Float64Array): number {
  expect(got.length).toBe(expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(got[i]! - value)), 0) / largest;
}

const double = (shape: readonly number[], values: Float32Array) => ({ shape, values: Float64Array.from(values) });

interface Task {
  readonly format: PackedFormat;
  readonly shape: Shape;
  readonly size?: number;
}

/** Value and gradient of every variant, with bias and residual, against the definition in float64. */
async function check({ format, shape: { rows, inputs, outputs }, size = 1 }: Task): Promise<void> {
  await bootBackend({ device: 'webgpu' });
  const before = memory().numTensors;
  const packed = randomPacked(format, { shape: [outputs, inputs], size, stream: { seed: 5, image: 0 } });
  using store = await load(packed);
  const draw = (shape: readonly number[], image: number) =>
    double(shape, normalNoise(shape[0]! * (shape[1] ?? 1), { seed: 5, image }));
  const host = {
    x: draw([rows, inputs], 1),
    bias: draw([outputs], 2),
    residual: draw([rows, outputs], 3),
    dy: draw([rows, outputs], 4),
  };
  const weight = double(packed.shape, packed.dequantise());
  const product = reference.linear(host.x, weight, host.bias);
  const y = product.values.map((value, i) => value + host.residual.values[i]!);
  const transposed = reference.build([inputs, outputs], (i, o) => reference.at(weight, o!, i!));
  const dx = reference.linear(host.dy, transposed).values;

  const columnSums = reference.build([outputs], (o) =>
    host.dy.values.reduce((total, value, i) => (i % outputs === o ? total + value : total), 0),
  );

  for (const { name, ...selection } of VARIANTS) {
    const usesHalves = withKernels(selection, () => format === 'float16' && kernelFeatures()?.subgroupMatrix === true);
    const limit = usesHalves ? FLOAT16_LIMIT : FLOAT32_LIMIT;
    const results: Tensor[] = tidy(() => {
      const [x, bias, residual, dy] = [host.x, host.bias, host.residual, host.dy].map(({ shape, values }) =>
        tensor(Float32Array.from(values), [...shape]),
      ) as [Tensor, Tensor, Tensor, Tensor];
      const run = (x_: Tensor, bias_: Tensor, residual_: Tensor): Tensor =>
        linear(x_, store.weight('weight'), bias_, { residual: residual_ });
      return withKernels(selection, () => [
        run(x, bias, residual),
        ...grads((...inputs: Tensor[]) => sum(mul(run(...(inputs as [Tensor, Tensor, Tensor])), dy)) as Scalar)([
          x,
          bias,
          residual,
        ]),
      ]);
    });
    const [value, ofX, ofBias, ofResidual] = await Promise.all(results.map((each) => each.data()));
    results.forEach((each) => each.dispose());
    expect(scaledError(value!, y), `${name}: value`).toBeLessThanOrEqual(limit);
    expect(scaledError(ofX!, dx), `${name}: gradient of x`).toBeLessThanOrEqual(limit);
    expect(scaledError(ofBias!, columnSums.values), `${name}: gradient of the bias`).toBeLessThanOrEqual(FLOAT32_LIMIT);
    expect(scaledError(ofResidual!, host.dy.values), `${name}: gradient of the residual`).toBeLessThanOrEqual(1e-7);
  }
  store.dispose();
  expect(memory().numTensors, 'tensors left behind').toBe(before);
}

describe.each(FORMATS)('linear with a weight of %s', (format) => {
  for (const shape of SHAPES) {
    webgpuTest(`[${shape.rows}, ${shape.inputs}] to ${shape.outputs}`, () => check({ format, shape }));
  }
  // As halves those around 2e-5 are subnormal.
  for (const size of [2e-5, 3e4]) {
    for (const rows of [2, 9]) {
      webgpuTest(`${rows} rows, weights around ${size}`, () =>
        check({ format, size, shape: { rows, inputs: 44, outputs: 11 } }),
      );
    }
  }
});

webgpuTest('a captured step reads packed weights, and what it dequantises', async () => {
  await bootBackend({ device: 'webgpu' });
  const before = memory().numTensors;
  const packed = randomPacked('int8', { shape: [7, 20], stream: { seed: 5, image: 0 } });
  using store = await load(packed);
  const x = tensor(normalNoise(3 * 20, { seed: 5, image: 1 }), [3, 20]);
  const step = (input: Tensor): Tensor[] => [linear(input, store.weight('weight')), linear(input, store.get('weight'))];
  const plain = tidy(() => step(x));
  using captured = captureStep(step, [x]);
  for (let run = 0; run < 2; run++) {
    const results = captured.run(x);
    for (const [i, result] of results.entries()) expect(await result.data()).toEqual(await plain[i]!.data());
    results.forEach((result) => result.dispose());
  }
  for (const each of [x, ...plain]) each.dispose();
  captured.dispose();
  store.dispose();
  expect(memory().numTensors).toBe(before);
});
