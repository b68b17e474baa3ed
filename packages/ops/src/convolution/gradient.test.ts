import { bootBackend } from '@latte-flow/runtime';
import { memory, randomNormal, tidy, type Tensor4D } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { geometryOf, patchValues } from './geometry.ts';
import { convolutionGradient } from './gradient.ts';

for (const [device, runTest] of [
  ['wasm', test],
  ['webgpu', webgpuTest],
] as const) {
  runTest(`${device}: a batch whose patches are too many is taken in parts, for the same gradients`, async () => {
    await bootBackend({ device });
    const before = memory().numTensors;
    const x = randomNormal([5, 4, 3, 2], 0, 1, 'float32', 1) as Tensor4D;
    const weight = randomNormal([3, 2, 3, 3], 0, 1, 'float32', 2) as Tensor4D;
    const dy = randomNormal([5, 2, 2, 3], 0, 1, 'float32', 3) as Tensor4D;
    const geometry = geometryOf('test', x.shape, { kernel: 3, stride: 2 });
    const forward = { x, weight, geometry, precision: 'float32' } as const;
    const gradients = (maxValues?: number): [Tensor4D, Tensor4D] =>
      tidy(() => convolutionGradient(dy, forward, maxValues) as Tensor4D[]) as [Tensor4D, Tensor4D]; // as the tape calls it
    const whole = gradients();
    // Room for two members of five: parts of two, two and one.
    const parts = gradients((2 / 5) * patchValues(geometry));
    for (const [i, gradient] of whole.entries()) {
      expect(parts[i]!.shape).toEqual(gradient.shape);
      const [got, expected] = [await parts[i]!.data(), await gradient.data()];
      expected.forEach((value, at) => expect(got[at]).toBeCloseTo(value, 5));
    }
    for (const each of [x, weight, dy, ...whole, ...parts]) each.dispose();
    expect(memory().numTensors).toBe(before);
  });
}
