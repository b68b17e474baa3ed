import { engine, env, matMul, ones, registerBackend, setBackend, tensor1d } from '@tensorflow/tfjs-core';
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
