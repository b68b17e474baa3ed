import { matMul, tensor2d } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

import { webgpuTest } from '../../../tooling/test/webgpu.ts';
import { bootBackend } from './node.ts';

webgpuTest('boots WebGPU by name, and auto passes a software adapter over', async () => {
  const booted = await bootBackend({ device: 'webgpu' });
  expect(booted.description).toMatch(/^webgpu \(/);
  const a = tensor2d([[1, 2], [3, 4]]); // prettier-ignore
  expect([...(await matMul(a, a).data())]).toEqual([7, 10, 15, 22]);
  if (!/swiftshader/i.test(booted.description)) return;
  const automatic = await bootBackend();
  expect(automatic.device).toBe('wasm');
  expect(automatic.warnings[0]).toContain('webgpu passed over');
});
