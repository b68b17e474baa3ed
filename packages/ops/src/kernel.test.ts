import { bootBackend } from '@latte-flow/runtime';
import { fill, grads, registerKernel, tensor1d, unregisterKernel, type Tensor } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { swiglu } from './swiglu/index.ts';

const KERNEL = { kernelName: 'LatteSwiglu', backendName: 'cpu' };
const swigluOf = (gate: number[], up: number[]): Tensor => swiglu(tensor1d(gate), tensor1d(up));

test('a kernel registered for a backend takes the place of the portable definition there, with its gradient', async () => {
  await bootBackend({ device: 'cpu' });
  const calls: string[][] = [];
  registerKernel({
    ...KERNEL,
    kernelFunc({ inputs }) {
      calls.push(Object.keys(inputs));
      return fill([...inputs['gate']!.shape], 42);
    },
  });
  try {
    expect([...(await swigluOf([0, 1], [3, 5]).data())]).toEqual([42, 42]);
    expect(calls).toEqual([['gate', 'up']]);

    const [dGate, dUp] = grads((gate, up) => swiglu(gate!, up!))([tensor1d([0, 1]), tensor1d([3, 5])]);
    expect(calls).toHaveLength(2);
    expect((await dGate!.data())[0]).toBeCloseTo(3 / 2, 6); // silu'(0) = 1/2
    expect((await dUp!.data())[1]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);

    await bootBackend({ device: 'wasm' });
    expect([...(await swigluOf([0], [3]).data())]).toEqual([0]);
    expect(calls).toHaveLength(2);
  } finally {
    unregisterKernel(KERNEL.kernelName, KERNEL.backendName);
  }
  await bootBackend({ device: 'cpu' });
  expect([...(await swigluOf([0], [3]).data())]).toEqual([0]);
  expect(calls).toHaveLength(2);
});
