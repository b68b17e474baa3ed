import {
  engine,
  env,
  fused,
  matMul,
  ones,
  randomUniform,
  registerBackend,
  setBackend,
  tensor1d,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import { beforeAll, expect } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { webgpuDevice } from './backend.ts';
import type { Program } from './program.ts';
import { runProgram } from './run-program.ts';

beforeAll(async () => {
  if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
});

webgpuTest('the device has every feature and limit of its adapter that kernels can use', async () => {
  const adapter = (await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }))!;
  const { features, limits } = webgpuDevice()!;
  for (const name of ['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix', 'timestamp-query']) {
    expect(features.has(name), name).toBe(adapter.features.has(name));
  }
  for (const name of ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'] as const) {
    expect(limits[name], name).toBe(adapter.limits[name]);
  }
});

webgpuTest("TensorFlow.js' own products of a long inner axis are right, however their operands lie", async () => {
  const [m, n, k] = [8, 32, 4096]; // few tiles: what it cuts into pieces
  for (const [transposeA, transposeB] of [
    [false, true],
    [true, true],
    [false, false],
  ] as const) {
    const a = randomUniform(transposeA ? [k, m] : [m, k], -1, 1, 'float32', 3) as Tensor2D;
    const b = randomUniform(transposeB ? [n, k] : [k, n], -1, 1, 'float32', 4) as Tensor2D;
    const [x, y, z] = [await a.data(), await b.data(), matMul(a, b, transposeA, transposeB)];
    const fromFused = fused.matMul({ a, b, transposeA, transposeB, activation: 'linear' });
    for (const product of [z, fromFused]) {
      (await product.data()).forEach((value, at) => {
        const [row, column] = [Math.floor(at / n), at % n];
        let expected = 0;
        for (let i = 0; i < k; i++) expected += x[transposeA ? i * m + row : row * k + i]! * y[transposeB ? column * k + i : i * n + column]!; // prettier-ignore
        expect(Math.abs(value - expected)).toBeLessThan(1e-3);
      });
    }
    for (const tensor of [a, b, z, fromFused]) tensor.dispose();
  }
});

webgpuTest('booting again keeps the device and what lies on it', async () => {
  const [device, x] = [webgpuDevice(), ones([30, 30])];
  const y = matMul(x, x);
  await bootBackend({ device: 'cpu' });
  expect(webgpuDevice()).toBeUndefined();
  await bootBackend({ device: 'webgpu' });
  expect(webgpuDevice()).toBe(device);
  expect((await y.data())[7]).toBe(30);
  for (const tensor of [x, y]) tensor.dispose();
});

webgpuTest('a backend that somebody else started is kept with its tensors, and taken care of', async () => {
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  const adapter = (await navigator.gpu.requestAdapter())!;
  const device = await adapter.requestDevice();
  engine().removeBackend('webgpu');
  registerBackend('webgpu', () => new WebGPUBackend(device, adapter.info));
  await setBackend('webgpu');
  const x = ones([30, 30]);
  const y = matMul(x, x);

  await bootBackend({ device: 'webgpu' });
  expect(webgpuDevice()).toBe(device);
  expect((await y.data())[7]).toBe(30);
  const double: Program = {
    name: 'double',
    inputs: ['x: array<f32>'],
    outputs: ['y: array<f32>'],
    params: [],
    body: '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = 2 * x[id.x]; }',
  };
  const z = tensor1d([1, 2]);
  const [doubled] = runProgram(double, { inputs: [z], outputs: [{ shape: [2] }], workgroups: [2] });
  expect(await doubled!.data()).toEqual(Float32Array.of(2, 4));
  env().set('WEBGPU_CPU_FORWARD', false);
  const long = (): unknown => z.broadcastTo([device.limits.maxStorageBufferBindingSize / 8 + 1, 2]);
  expect(long).toThrow(expect.objectContaining({ code: 'device-limit' }));
  env().set('WEBGPU_CPU_FORWARD', true);
  for (const tensor of [x, y, z, doubled!]) tensor.dispose();
});
