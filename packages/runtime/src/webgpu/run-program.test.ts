import { cast, env, memory, tensor1d, tidy, zeros, type Tensor } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { webgpuDevice } from './backend.ts';
import { programs, type Program } from './program.ts';
import { runProgram, spread } from './run-program.ts';
import { uniformBuffer } from './uniforms.ts';

const main = (body: string): string => /* wgsl */ `
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { let i = id.x; ${body} }`;

const scale: Program = {
  name: 'scale',
  inputs: ['x: array<f32>'],
  outputs: ['y: array<f32>'],
  params: ['size: u32', 'shift: i32', 'factor: f32'],
  body: main('if (i < params.size) { y[i] = x[i] * params.factor + f32(params.shift); }'),
};

const increase: Program = {
  name: 'increase',
  inputs: ['by: array<f32>'],
  outputs: ['x: array<f32>'],
  params: ['size: u32'],
  body: main('if (i < params.size) { x[i] += by[i]; }'),
};

const run = (x: Tensor, [shift, factor]: [number, number]): Tensor =>
  runProgram(scale, {
    inputs: [x],
    outputs: [{ shape: x.shape }],
    params: [x.size, shift, factor],
    workgroups: spread(Math.ceil(x.size / 64)),
  })[0]!;

const valuesOf = async (x: Tensor): Promise<number[]> => {
  const values = [...(await x.data())];
  x.dispose();
  return values;
};

test('programs of equal arguments are one', () => {
  const make = programs((...names: (string | number | boolean | undefined)[]) => ({ ...scale, name: names.join() }));
  expect(make('a', 1, true)).toBe(make('a', 1, true));
  const others = [make('a,1', true), make('a', '1', true), make('a', 1, 'true'), make('a', 1, true, undefined)];
  expect(new Set([make('a', 1, true), ...others]).size).toBe(5);
});

test('spread covers a count with at most 65,535 workgroups along an axis', () => {
  for (const count of [0, 1, 65_535, 65_536, 131_071, 5_000_011]) {
    const [x, y] = spread(count);
    expect(x * y).toBeGreaterThanOrEqual(count);
    expect(x * y).toBeLessThan(count + Math.max(2, y));
    expect(Math.max(x, y)).toBeLessThanOrEqual(65_535);
  }
});

test.each(['cpu', 'wasm'] as const)('is refused on %s', async (device) => {
  await bootBackend({ device });
  const x = tensor1d([1]);
  expect(() => run(x, [0, 1])).toThrow(expect.objectContaining({ code: 'backend-unavailable', where: 'scale' }));
  x.dispose();
});

describe('on WebGPU', () => {
  let before: ReturnType<typeof memory> & { numBytesInGPU?: number };
  beforeEach(async () => {
    if (webgpuMissing !== undefined) return;
    await bootBackend({ device: 'webgpu' });
    before = memory();
  });
  const expectNothingLeft = (): void => {
    const { numTensors, numDataBuffers, numBytes, numBytesInGPU } = before;
    expect(memory()).toMatchObject({ numTensors, numDataBuffers, numBytes, numBytesInGPU });
  };

  webgpuTest('parameters arrive as u32, i32 and f32, new and cached ones', async () => {
    const values = Float32Array.from({ length: 70 }, (_, i) => i - 35);
    for (const [shift, factor] of [
      [-7, 0.1],
      [2 ** 24, -3.5],
      [-7, 0.1],
      [0, 1e-30],
      [-7, 0.25],
    ] as const) {
      const x = tensor1d(values);
      const expected = [...values].map((value) => Math.fround(Math.fround(value * Math.fround(factor)) + shift));
      expect(await valuesOf(run(x, [shift, factor]))).toEqual(expected);
      x.dispose();
    }
    expectNothingLeft();
  });

  webgpuTest('uniforms are kept by content, and not for ever', () => {
    const device = webgpuDevice()!;
    const of = (value: number, type = 'u32') => uniformBuffer(device, [`x: ${type}`], [value]);
    const first = of(123_456);
    expect(of(123_456)).toBe(first);
    expect(of(123_456, 'f32')).not.toBe(first);
    expect(of(-1, 'i32')).toBe(of(2 ** 32 - 1));
    for (let i = 0; i < 4096; i++) of(i);
    expect(of(123_456)).not.toBe(first);
    return Promise.resolve();
  });

  webgpuTest('gives several outputs of several dtypes, and none where it only writes into others', async () => {
    const split: Program = {
      name: 'split',
      inputs: ['x: array<f32>'],
      outputs: ['whole: array<i32>', 'rest: array<f32>', 'sum: array<f32>'],
      params: [],
      body: main('if (i < 3u) { let w = floor(x[i]); whole[i] = i32(w); rest[i] = x[i] - w; sum[i] += x[i]; }'),
    };
    const [x, sum] = [tensor1d([1.25, -0.5, 8]), tensor1d([1, 2, 3])];
    const outputs = runProgram(split, {
      inputs: [x],
      outputs: [{ shape: [3], dtype: 'int32' }, { shape: [3] }, { into: sum }],
      workgroups: [1],
    });
    expect(outputs.map(({ dtype }) => dtype)).toEqual(['int32', 'float32']);
    expect(await valuesOf(outputs[0]!)).toEqual([1, -1, 8]);
    expect(await valuesOf(outputs[1]!)).toEqual([0.25, 0.5, 0]);
    expect(await valuesOf(sum)).toEqual([2.25, 1.5, 11]);
    x.dispose();
    expectNothingLeft();
  });

  webgpuTest('what is written in place is read anew each time, also by a read that began before', async () => {
    const [x, by] = [tensor1d([1, 2]), tensor1d([10, 20])];
    const write = () => runProgram(increase, { inputs: [by], outputs: [{ into: x }], params: [2], workgroups: [1] });
    expect(await x.data()).toEqual(Float32Array.of(1, 2)); // the host's copy
    expect(write()).toEqual([]);
    const early = x.data();
    write();
    expect(await early).toEqual(Float32Array.of(11, 22));
    expect(await x.data()).toEqual(Float32Array.of(21, 42));
    write();
    expect(await valuesOf(x)).toEqual([31, 62]);
    by.dispose();
    expectNothingLeft();
  });

  webgpuTest('integers that were cast to float32 arrive as such', async () => {
    const sum = tidy(() => {
      const integers = tensor1d([3, -4, 5], 'int32');
      const doubled = integers.mul(2); // on the device, where a cast shares the buffer
      env().set('WEBGPU_CPU_FORWARD', false);
      return run(cast(doubled, 'float32'), [1, 0.5]);
    });
    env().set('WEBGPU_CPU_FORWARD', true);
    expect(await valuesOf(sum)).toEqual([4, -3, 6]);
    expectNothingLeft();
  });

  webgpuTest('tensors and dispatches over the limits of the device are refused before any work', () => {
    const { maxStorageBufferBindingSize: limit } = webgpuDevice()!.limits;
    const x = tensor1d([1]);
    const shape = [limit / 4 + 1];
    const oversized = { code: 'device-limit', message: expect.stringContaining(`at most ${limit} bytes`) };
    const make = () => runProgram(scale, { inputs: [x], outputs: [{ shape }], params: [1, 0, 1], workgroups: [1] });
    expect(make).toThrow(expect.objectContaining(oversized));
    expect(make).toThrow(`${limit + 4} bytes`);
    const dispatch = () =>
      runProgram(scale, { inputs: [x], outputs: [{ shape: [1] }], params: [1, 0, 1], workgroups: [1, 70_000] });
    expect(dispatch).toThrow(expect.objectContaining({ code: 'device-limit' }));
    expect(dispatch).toThrow('at most 65535 workgroups');
    x.dispose();
    expectNothingLeft();
    return Promise.resolve();
  });

  webgpuTest("TensorFlow.js' own ops are refused tensors over the limits too", async () => {
    const { maxStorageBufferBindingSize: limit } = webgpuDevice()!.limits;
    const [x, y] = [tensor1d([1, 2]), zeros([0])];
    const long = () => tidy(() => x.broadcastTo([limit / 4 / 2 + 1, 2]));
    env().set('WEBGPU_CPU_FORWARD', false);
    expect(long).toThrow(expect.objectContaining({ code: 'device-limit' }));
    expect(long).toThrow(`one of ${limit + 8} bytes`);
    env().set('WEBGPU_CPU_FORWARD', true);
    expect(await x.data()).toEqual(Float32Array.of(1, 2));
    x.dispose();
    y.dispose();
  });

  webgpuTest('wrong numbers of tensors, empty ones, and a destination that is also read are refused', () => {
    const [x, empty] = [tensor1d([1]), zeros([0])];
    const to = { shape: [1] };
    const refusals: [Parameters<typeof runProgram>[1], string][] = [
      [{ inputs: [], outputs: [to], params: [1, 0, 1], workgroups: [1] }, '1 inputs, 1 outputs and 3 parameters'],
      [{ inputs: [x], outputs: [to], params: [1, 0], workgroups: [1] }, 'got 1, 1 and 2'],
      [{ inputs: [empty], outputs: [to], params: [1, 0, 1], workgroups: [1] }, 'tensors that are not empty'],
      [{ inputs: [x], outputs: [{ into: x }], params: [1, 0, 1], workgroups: [1] }, 'bound twice'],
    ];
    for (const [wrong, message] of refusals) expect(() => runProgram(scale, wrong)).toThrow(message);
    x.dispose();
    empty.dispose();
    expectNothingLeft();
    return Promise.resolve();
  });

  webgpuTest('a program that WebGPU refuses makes the next read fail, and the one after it not', async () => {
    const broken: Program = { ...scale, name: 'broken', body: main('y[i] = nonsense;') };
    const x = tensor1d([1, 2]);
    const [y] = runProgram(broken, { inputs: [x], outputs: [{ shape: [2] }], params: [2, 0, 1], workgroups: [1] });
    await expect(y!.data()).rejects.toMatchObject({
      code: 'backend-unavailable',
      message: expect.stringContaining('nonsense'),
    });
    y!.dispose();
    expect(await valuesOf(run(x, [1, 1]))).toEqual([2, 3]);
    x.dispose();
    expect(memory().numTensors).toBe(before.numTensors);
  });
});
