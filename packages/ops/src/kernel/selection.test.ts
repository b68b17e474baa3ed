import { bootBackend } from '@latte-flow/runtime';
import { tensor1d, zeros } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { kernelFeatures, kernelOr, withKernels } from './selection.ts';

const chosen = (size = 1): string => {
  const x = size === 0 ? zeros([0]) : tensor1d([1]);
  const name = kernelOr(
    [x],
    () => 'kernel',
    () => 'portable',
  );
  x.dispose();
  return name;
};

describe('the seam', () => {
  test.each(['cpu', 'wasm'] as const)('takes the portable definition on %s', async (device) => {
    await bootBackend({ device });
    expect(chosen()).toBe('portable');
    expect(kernelFeatures()).toBeUndefined();
  });

  webgpuTest('takes the kernel on WebGPU, but for empty tensors and inside a portable choice', async () => {
    await bootBackend({ device: 'webgpu' });
    expect(chosen()).toBe('kernel');
    expect(chosen(0)).toBe('portable');
    expect(withKernels({ choice: 'portable' }, chosen)).toBe('portable');
    expect(chosen()).toBe('kernel');
  });

  webgpuTest('leaves features out, and puts them back when the work throws', async () => {
    await bootBackend({ device: 'webgpu' });
    const offered = kernelFeatures()!;
    const without = withKernels({ without: ['subgroups', 'f16', 'subgroupMatrix'] }, kernelFeatures);
    expect(without).toEqual({ subgroups: false, f16: false, subgroupMatrix: false });
    expect(() =>
      withKernels({ choice: 'portable' }, () => {
        throw new Error('work');
      }),
    ).toThrow('work');
    expect(kernelFeatures()).toEqual(offered);
  });
});
