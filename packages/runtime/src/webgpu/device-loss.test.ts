import { add, env, getBackend, matMul, memory, ones, tensor1d, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { webgpuDevice } from './backend.ts';
import { captureStep } from './capture.ts';
import { type Program } from './program.ts';
import { runProgram } from './run-program.ts';

const copy: Program = {
  name: 'copy',
  inputs: ['x: array<f32>'],
  outputs: ['y: array<f32>'],
  params: [],
  body: '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = x[id.x]; }',
};
const copyOf = (x: Tensor): Tensor =>
  runProgram(copy, { inputs: [x], outputs: [{ shape: x.shape }], workgroups: [x.size] })[0]!;
const lost = expect.objectContaining({ code: 'device-lost', isEnvironmental: true });

beforeEach(async () => {
  if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  env().set('WEBGPU_CPU_FORWARD', false);
});
afterEach(() => env().set('WEBGPU_CPU_FORWARD', true));

/** What `destroy` does is what a driver does that goes away, but for the reason. */
async function lose(): Promise<void> {
  const device = webgpuDevice()!;
  device.destroy();
  await device.lost;
}

webgpuTest('after a loss every use of the device is an error, and a new device works beside what is left', async () => {
  const x = tensor1d([1, 2, 3]);
  const step = captureStep((input) => [copyOf(input)], [x]);
  const device = webgpuDevice()!;
  const pending = copyOf(x);
  const sum = add(x, pending);
  await lose();

  expect(() => copyOf(x)).toThrow(lost);
  expect(() => step.run(x)).toThrow(lost);
  expect(() => captureStep((input) => [copyOf(input)], [x])).toThrow(lost);
  await expect(pending.data()).rejects.toEqual(lost);
  await expect(sum.data()).rejects.toThrow('Call bootBackend again, and load models anew');
  // TensorFlow.js' own ops go on, and nobody gets to see their results.
  const product = matMul(ones([40, 40]), ones([40, 40]));
  await expect(product.data()).rejects.toEqual(lost);
  step.dispose();

  const booted = await bootBackend({ device: 'webgpu' });
  expect(booted.device).toBe('webgpu');
  expect(getBackend()).toBe('webgpu');
  expect(webgpuDevice()).not.toBe(device);
  const before = memory().numTensors;
  const y = tensor1d([4, 5]);
  const copied = copyOf(y);
  const added = add(copied, y);
  expect(await added.data()).toEqual(Float32Array.of(8, 10));
  for (const tensor of [y, copied, added]) tensor.dispose();
  expect(memory().numTensors).toBe(before);

  // What is left of the lost one says so, and can be freed.
  await expect(sum.data()).rejects.toEqual(lost);
  expect(() => add(sum, 1)).toThrow(lost);
  expect(() => step.run(x)).toThrow('captured step');
  for (const tensor of [x, pending, sum, product]) tensor.dispose();
  expect(memory().numTensors).toBe(before - 4);
});

webgpuTest('a loss while a tensor is being read rejects the read', async () => {
  const x = tensor1d([1, 2, 3]);
  const y = copyOf(x);
  const read = y.data();
  webgpuDevice()!.destroy();
  await expect(read).rejects.toEqual(lost);
  x.dispose();
  y.dispose();
  await bootBackend({ device: 'webgpu' });
});
