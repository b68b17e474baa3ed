import {
  add,
  cast,
  concat,
  env,
  memory,
  mul,
  scalar,
  tensor,
  tensor1d,
  tidy,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { webgpuDevice } from './backend.ts';
import { captureStep } from './capture.ts';
import { MOST_STAGING_BYTES } from './staging.ts';

/** The values of a copy made on the device: an untouched tensor gives back the host's own. */
async function throughDevice(x: Tensor): Promise<number[]> {
  const copy = concat([x, x], 0);
  const values = await copy.data();
  copy.dispose();
  return [...values].slice(0, x.size);
}

describe('direct uploads', () => {
  // TensorFlow.js would compute on tensors this small on the host.
  beforeAll(() => env().set('WEBGPU_CPU_FORWARD', false));
  afterAll(() => env().set('WEBGPU_CPU_FORWARD', true));

  webgpuTest('carry every dtype, views into larger arrays, and scalars', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    const larger = Float32Array.from({ length: 9 }, (_, i) => i / 8);
    const cases: [Tensor, number[]][] = [
      [tensor1d([1.5, -2, 3e-8]), [1.5, -2, 3e-8].map(Math.fround)],
      [tensor(larger.subarray(2, 7)), [0.25, 0.375, 0.5, 0.625, 0.75]],
      // TensorFlow.js' WebGPU kernels pass integers through float32.
      [tensor1d([7, -(2 ** 24), 2 ** 24 - 1], 'int32'), [7, -(2 ** 24), 2 ** 24 - 1]],
      [tensor1d([true, false, true, true, false], 'bool'), [1, 0, 1, 1, 0]],
      [tensor(Uint8Array.of(0, 200, 255), [3], 'int32'), [0, 200, 255]],
    ];
    for (const [x, expected] of cases) {
      expect(await throughDevice(x)).toEqual(expected);
      x.dispose();
    }
    const sum = tidy(() => add(cast(scalar(3, 'int32'), 'float32'), mul(scalar(0.5), cast(scalar(true), 'float32'))));
    expect([...(await sum.data())]).toEqual([3.5]);
    sum.dispose();
    expect(memory().numTensors).toBe(before);
  });

  webgpuTest('into buffers that are freed and used again keep their order, and memory stays where it was', async () => {
    await bootBackend({ device: 'webgpu' });
    const size = 5;
    const steps = 2000;
    /** Different at every step, exact in float32, as are all sums below. */
    const drawn = (step: number) => Float32Array.from({ length: size }, (_, i) => ((step * 37 + i * 11) % 64) - 32);
    const run = async (count: number): Promise<number[]> => {
      let state: Tensor = tensor1d(new Float32Array(size));
      for (let step = 0; step < count; step++) {
        const next = tidy(() => {
          const uploaded = tensor1d(drawn(step));
          const weight = scalar(1 + (step % 3)); // an upload of another size between
          const integers = tensor1d(Int32Array.from(drawn(step + 1)), 'int32');
          return add(add(state, mul(uploaded, weight)), cast(integers, 'float32'));
        });
        state.dispose();
        state = next;
        if (step % 700 === 699) await state.data(); // submits now and then, as a sampling loop does
      }
      const values = [...(await state.data())];
      state.dispose();
      return values;
    };
    await run(20);
    const before = memory() as ReturnType<typeof memory> & { numBytesInGPU: number };
    const expected = new Array<number>(size).fill(0);
    for (let step = 0; step < steps; step++) {
      const [first, second] = [drawn(step), drawn(step + 1)];
      for (let i = 0; i < size; i++) expected[i]! += first[i]! * (1 + (step % 3)) + second[i]!;
    }
    expect(await run(steps)).toEqual(expected);
    expect(memory()).toMatchObject({ numTensors: before.numTensors, numBytesInGPU: before.numBytesInGPU });
  });

  webgpuTest('of large arrays keep their order too, through memory that is used again', async () => {
    await bootBackend({ device: 'webgpu' });
    const size = 2 ** 18; // 1 MiB
    const created: number[] = [];
    const device = webgpuDevice()!;
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      if (descriptor.mappedAtCreation === true) created.push(descriptor.size);
      return create(descriptor);
    };
    try {
      const before = memory() as ReturnType<typeof memory> & { numBytesInGPU: number };
      // More at once than there is staging memory for, and step by step.
      for (const [count, isRead] of [
        [MOST_STAGING_BYTES / (4 * size) + 16, false],
        [8, true],
      ] as const) {
        let state: Tensor = tensor1d(new Float32Array(size));
        for (let step = 0; step < count; step++) {
          const next = tidy(() => add(state, tensor1d(new Float32Array(size).fill(step % 7, step))));
          state.dispose();
          state = next;
          if (isRead) await state.data();
        }
        const values = await state.data();
        state.dispose();
        const sumTo = (last: number) => Array.from({ length: last + 1 }, (_, i) => i % 7).reduce((a, b) => a + b, 0);
        expect([values[0], values[3], values[size - 1]]).toEqual([0, sumTo(3), sumTo(count - 1)]);
      }
      expect(created.reduce((a, b) => a + b, 0)).toBe(MOST_STAGING_BYTES);
      expect(created.length).toBeGreaterThan(2);
      expect(memory()).toMatchObject({ numTensors: before.numTensors, numBytesInGPU: before.numBytesInGPU });
    } finally {
      device.createBuffer = create;
    }
  });

  webgpuTest('of large constants and of weights in a captured step happen once', async () => {
    await bootBackend({ device: 'webgpu' });
    const size = 2 ** 18;
    const before = memory().numTensors;
    const x = tensor1d(new Float32Array(size).fill(2));
    const weight = tensor1d(new Float32Array(size).fill(5)); // reaches the device in the capture
    const step = captureStep((input) => [add(mul(input!, tensor1d(new Float32Array(size).fill(3))), weight)], [x]);
    for (let i = 0; i < 4; i++) {
      const [y] = step.run(x);
      expect((await y!.data())[size - 1]).toBe(11);
      y!.dispose();
    }
    step.dispose();
    for (const tensor of [x, weight]) tensor.dispose();
    expect(memory().numTensors).toBe(before);
  });
});
