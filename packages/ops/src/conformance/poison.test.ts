import { bootBackend, programs, runProgram } from '@latte-flow/runtime';
import { expect } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { poisonReleasedBuffers } from './poison.ts';

/** Leaves the last of 37 elements unwritten. */
const forgetful = programs(() => ({
  name: 'forgetful',
  inputs: [],
  outputs: ['y: array<f32>'],
  params: [],
  body: /* wgsl */ `
    @compute @workgroup_size(36)
    fn main(@builtin(local_invocation_index) lane: u32) { y[lane] = f32(lane); }`,
}));

async function run(): Promise<number[]> {
  const [y] = runProgram(forgetful(), { inputs: [], outputs: [{ shape: [37] }], workgroups: [1] });
  const values = [...(await y!.data())];
  y!.dispose();
  return values;
}

webgpuTest('an element that a kernel leaves unwritten shows in poisoned memory, and only there', async () => {
  await bootBackend({ device: 'webgpu' });
  const expected = Array.from({ length: 36 }, (_, i) => i);
  expect(await run()).toEqual([...expected, 0]);
  poisonReleasedBuffers();
  expect(await run()).toEqual([...expected, Number.NaN]);
});
