import { bootBackend, isPacked, ParameterStore, type Weight } from '@latte-flow/runtime';
import { memory, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

import { randomPacked } from '../../../../tooling/test/packed-values.ts';
import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { withKernels } from '../kernel/selection.ts';
import { embed } from './index.ts';

const IDS = [6, 0, 3, 3, 6, 12];

for (const format of ['float16', 'int8', 'int4'] as const) {
  for (const columns of [1, 5, 37, 300]) {
    webgpuTest(`rows of a packed table: ${format}, ${columns} columns`, async () => {
      await bootBackend({ device: 'webgpu' });
      const before = memory().numTensors;
      const packed = randomPacked(format, { shape: [13, columns], stream: { seed: 4, image: 0 } });
      async function* entries() {
        yield ['table', packed] as const;
      }
      using store = await ParameterStore.load(entries(), { where: 'test', found: new Map() });
      const table: Weight = store.weight('table');
      expect(isPacked(table)).toBe(true);
      const values = packed.dequantise();
      const expected = IDS.flatMap((id) => [...values.subarray(id * columns, (id + 1) * columns)]);
      for (const choice of ['fused', 'portable'] as const) {
        const rows = tidy(() => withKernels({ choice }, () => embed(tensor2d(IDS, [2, 3], 'int32'), table)));
        expect(rows.shape).toEqual([2, 3, columns]);
        expect([...(await rows.data())], choice).toEqual(expected);
        rows.dispose();
      }
      store.dispose();
      expect(memory().numTensors).toBe(before);
    });
  }
}

webgpuTest('more rows than a device has workgroups along an axis', async () => {
  await bootBackend({ device: 'webgpu' });
  const packed = randomPacked('int8', { shape: [13, 1], stream: { seed: 4, image: 0 } });
  async function* entries() {
    yield ['table', packed] as const;
  }
  using store = await ParameterStore.load(entries(), { where: 'test', found: new Map() });
  const values = packed.dequantise();
  const ids = Int32Array.from({ length: 65_549 }, (_, i) => (i * i) % 13);
  const rows = tidy(() => embed(tensor2d(ids, [1, ids.length], 'int32'), store.weight('table')));
  expect([...(await rows.data())]).toEqual([...ids].map((id) => values[id]));
  rows.dispose();
});
