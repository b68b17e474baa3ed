import { bootBackend, webgpuDevice } from '@latte-flow/runtime';
import { dispose, grads, memory, randomNormal, sum, tidy, type Scalar, type Tensor2D } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { withKernels } from '../kernel/selection.ts';
import { linear } from '../linear/index.ts';
import { product } from './index.ts';
import { chooseCut, usableTilings } from './tiling.ts';
import {
  adapterName,
  classOf,
  clearTuning,
  exportTuning,
  importTuning,
  tilingName,
  tunedCut,
  type TunableProduct,
} from './tuning-table.ts';
import { tuneProducts } from './tuning.ts';
import { watchProducts } from './watch.ts';
import { runCut } from './webgpu.ts';

const plain = { transposeA: false, transposeB: true, weights: 'float32', precision: 'float32' } as const;
const small: TunableProduct = { ...plain, m: 20, n: 8, k: 48 };

afterEach(clearTuning);

describe('the table', () => {
  test.each([[null], ['text'], [[]], [{ adapter: 3 }], [{ adapter: { class: { tiling: 'tiled' } } }]])(
    'refuses %j',
    (tuning) => {
      expect(() => importTuning(tuning)).toThrow('importTuning: expected an object as exportTuning gives it');
      expect(exportTuning()).toEqual({});
    },
  );

  test('refuses a table as a whole', () => {
    const entry = { tiling: 'tiled 32x32x16 4x4', pieces: 2 };
    expect(() => importTuning({ adapter: { good: entry, bad: { ...entry, pieces: 0 } } })).toThrow('importTuning');
    expect(exportTuning()).toEqual({});
    importTuning({ adapter: { good: entry } });
    expect(exportTuning()).toEqual({ adapter: { good: entry } });
  });

  test('classes go by the power of two above the rows', () => {
    const of = (m: number) => classOf({ ...small, m });
    expect(of(17)).toBe('32x8x48 NT float32 plain');
    expect(of(32)).toBe(of(17));
    expect(of(33)).not.toBe(of(32));
  });

  webgpuTest('decides how products are cut, on its own adapter alone', async () => {
    await bootBackend({ device: 'webgpu' });
    const device = webgpuDevice()!;
    const untuned = chooseCut(small, device);
    const other = usableTilings(device).find((tiling) => tilingName(tiling) !== tilingName(untuned))!;
    const entry = { tiling: tilingName(other), pieces: 3 };
    importTuning({ 'another adapter': { [classOf(small)]: entry } });
    expect(tunedCut(small, device)).toBeUndefined();
    importTuning({ [adapterName(device)]: { [classOf(small)]: { ...entry, tiling: 'tiled 7x7x7 1x1' } } });
    expect(tunedCut(small, device)).toBeUndefined();
    importTuning({ [adapterName(device)]: { [classOf(small)]: entry } });
    expect(tunedCut(small, device)).toEqual({ ...other, pieces: 3 });
    // 17 x 9 values cannot be added up in vectors of 4.
    expect(tunedCut({ ...small, m: 17 }, device)!.pieces).toBe(3);
    importTuning({ [adapterName(device)]: { [classOf({ ...small, n: 9 })]: entry } });
    expect(tunedCut({ ...small, m: 17, n: 9 }, device)!.pieces).toBe(1);

    const [a, b] = [randomNormal([20, 48]) as Tensor2D, randomNormal([8, 48]) as Tensor2D];
    const tuned = product(a, b, { transposeB: true });
    const asked = runCut(a, [b], { task: small, sizes: { ...small, ns: [small.n] }, cut: { ...other, pieces: 3 } })[0]!;
    const portable = withKernels({ choice: 'portable' }, () => product(a, b, { transposeB: true }));
    expect(await tuned.data()).toEqual(await asked!.data());
    const expected = await portable.data();
    (await tuned.data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
    dispose([a, b, tuned, asked!, portable]);
  });
});

describe('tuneProducts', () => {
  test('needs WebGPU', async () => {
    await bootBackend({ device: 'cpu' });
    await expect(tuneProducts([small])).rejects.toMatchObject({ code: 'backend-unavailable' });
  });

  webgpuTest('measures each class once and keeps the fastest; packed weights too', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    const packed: TunableProduct = { ...small, k: 24, weights: 'int4' };
    const steps: number[] = [];
    const found = await tuneProducts([small, { ...small, m: 30 }, { ...small, m: 2 }, packed], {
      onProgress: ({ step }) => steps.push(step!),
    });
    expect(found.map(({ product }) => product)).toEqual([small, packed]);
    expect(steps).toEqual([1, 2]);
    for (const { ms, untunedMs } of found) {
      expect(ms).toBeGreaterThan(0);
      expect(ms).toBeLessThanOrEqual(untunedMs);
    }
    const device = webgpuDevice()!;
    const [{ tiling, pieces }] = found as [(typeof found)[number]];
    expect(exportTuning()[adapterName(device)]![classOf(small)]).toEqual({ tiling, pieces });
    const cut = tunedCut({ ...small, m: 25 }, device)!;
    expect([tilingName(cut), cut.pieces]).toEqual([tiling, pieces]);
    expect(memory().numTensors).toBe(before);
  });

  webgpuTest('stops on abort, without tensors left', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    const controller = new AbortController();
    const tuning = tuneProducts([small, { ...small, k: 32 }], {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(tuning).rejects.toMatchObject({ name: 'AbortError' });
    expect(Object.keys(Object.values(exportTuning())[0]!)).toEqual([classOf(small)]);
    expect(memory().numTensors).toBe(before);
  });
});

webgpuTest('a watch sees the products of a layer and of its gradient', async () => {
  await bootBackend({ device: 'webgpu' });
  const [x, weight] = [randomNormal([6, 12]), randomNormal([8, 12])];
  const watch = watchProducts();
  tidy(() => void grads((x_, weight_) => sum(linear(x_!, weight_!)) as Scalar)([x, weight]));
  tidy(() => void linear(x, weight));
  expect(watch.stop()).toEqual([
    { ...plain, m: 6, n: 8, k: 12 },
    { ...plain, m: 6, n: 12, k: 8, transposeB: false },
    { ...plain, m: 8, n: 12, k: 6, transposeA: true, transposeB: false },
  ]);
  linear(x, weight).dispose();
  expect(watch.stop()).toHaveLength(3);
  dispose([x, weight]);
});
