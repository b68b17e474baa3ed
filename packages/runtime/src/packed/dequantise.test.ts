import { memory } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

import { halfValue, randomPacked } from '../../../../tooling/test/packed-values.ts';
import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { dequantise } from './dequantise.ts';
import { disposePacked, packedFormats, uploadPacked, type PackedValues } from './packed-weight.ts';

async function onDevice(values: PackedValues): Promise<ArrayLike<number>> {
  const before = memory().numTensors;
  const weight = uploadPacked(values);
  const y = dequantise(weight);
  expect(y.shape).toEqual([...values.shape]);
  const got = await y.data();
  y.dispose();
  disposePacked(weight);
  expect(memory().numTensors).toBe(before);
  return got;
}

webgpuTest('every half is its float32 value, the subnormal ones too', async () => {
  await bootBackend({ device: 'webgpu' });
  const shape = [31, 2048]; // all that are finite, of both signs
  const halves = Uint16Array.from({ length: 31 * 2048 }, (_, i) => (i >> 1) | ((i & 1) << 15));
  const values = Float32Array.from(halves, halfValue);
  const codes = new Uint8Array(halves.buffer);
  const packed = { shape, dtype: 'float16', codes, byteLength: codes.length, dequantise: () => values } as const;
  expect(await onDevice(packed)).toEqual(values);
});

for (const format of packedFormats) {
  for (const shape of [
    [1, 1],
    [3, 5],
    [7, 64],
    [13, 37],
    [1, 1031],
    [1031, 2],
  ] as const) {
    for (const size of [1, 2e-5, 3e4]) {
      webgpuTest(`${format}, [${shape.join(', ')}], values around ${size}: the bits of the host`, async () => {
        await bootBackend({ device: 'webgpu' });
        const packed = randomPacked(format, { shape, size, stream: { seed: 3, image: 0 } });
        expect(await onDevice(packed)).toEqual(packed.dequantise());
      });
    }
  }
}
