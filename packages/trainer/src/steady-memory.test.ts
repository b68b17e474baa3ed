import { normalNoise } from '@latte-flow/core';
import { linear, meanSquaredError, rmsNorm } from '@latte-flow/ops';
import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import { memory, tensor, type Tensor } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

import { webgpuTest } from '../../../tooling/test/webgpu.ts';
import { Trainer } from './trainer.ts';

const STEPS = 300;

/** Tensors, and bytes of the device's memory: in use, and spare ones for the next tensors. */
function held(): readonly (number | undefined)[] {
  const { numTensors, numBytesInGPU, numBytesAllocatedInGPU } = memory() as ReturnType<typeof memory> &
    Partial<Record<'numBytesInGPU' | 'numBytesAllocatedInGPU', number>>;
  return [numTensors, numBytesInGPU, numBytesAllocatedInGPU];
}

webgpuTest(`${STEPS} steps leave tensors and the GPU's memory where they were`, async () => {
  await bootBackend({ device: 'webgpu' });
  const noise = (shape: number[], image: number) => {
    const values = normalNoise(
      shape.reduce((a, b) => a * b, 1),
      { seed: 1, image },
    );
    return { shape, values };
  };
  const shapes: [string, number[]][] = [
    ['norm', [8]],
    ['first', [16, 8]],
    ['second', [4, 16]],
    ['bias', [4]],
  ];
  using parameters = ParameterStore.upload(
    shapes.map(([name, shape], i) => [name, noise(shape, i)] as const),
    { where: 'test', trainable: true },
  );
  using trainer = new Trainer<{ x: Tensor; y: Tensor }>({
    parameters,
    batch: (index) => ({
      x: tensor(noise([6, 8], index).values, [6, 8]),
      y: tensor(noise([6, 4], index).values, [6, 4]),
    }),
    loss({ x, y }) {
      const hidden = linear(rmsNorm(x, parameters.get('norm'), 1e-6), parameters.get('first'));
      return meanSquaredError(linear(hidden, parameters.get('second'), parameters.get('bias')), y);
    },
    learningRate: 1e-3,
    optimizer: { decay: (name) => name !== 'bias' },
    clipNorm: 1,
    ema: { decay: 0.9 },
    microBatches: 2,
  });
  await trainer.run({ steps: 40, logEvery: 10 }); // until no step needs a buffer that is not there
  const before = held();
  expect(before.every((amount) => amount !== undefined && amount > 0)).toBe(true);
  await trainer.run({ steps: STEPS, logEvery: 10 });
  expect(held()).toEqual(before);
});
