import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { run } from '../program.ts';
import { scaledError, type BenchResult } from './result.ts';
import { forwardFlops, shapes } from './shapes.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latte-bench-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function bench(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    env: { LATTE_COMMIT: 'abc' },
  };
  const code = await run(['bench', ...args], terminal);
  return { code, stdout: out.join(''), stderr: err.join('') };
}

const tiny = (...args: string[]) => bench('ops', '--shapes', 'tiny', '--rounds', '1', ...args);

describe('latte bench ops', () => {
  test.each(['cpu', 'wasm'] as const)('measures layers and every op on %s, and leaves no tensors', async (device) => {
    await bootBackend({ device });
    const before = memory().numTensors;
    const { code, stdout, stderr } = await tiny('--device', device, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      command: `latte bench ops --shapes tiny --ops all --rounds 1 --device ${device}`,
      device,
      adapter: null,
      machine: { cpu: expect.any(String), memory_bytes: expect.any(Number) },
      versions: { node: process.versions.node, tensorflow_js: '4.22.0', onnxruntime_web: null, commit: 'abc' },
      shapes: { tiny: shapes.tiny },
      failures: [],
    });
    const results: BenchResult[] = report.results;
    expect(results.length).toBeGreaterThan(35);
    for (const { ms, error, engine, mode } of results) {
      expect(ms).toBeGreaterThan(0);
      expect(error ?? 0).toBeLessThan(1e-5);
      expect([engine, mode]).not.toContain('fused');
    }
    const layers = results.filter(({ name }) => name === 'layers').map(({ pass, engine }) => `${pass} ${engine}`);
    expect(layers.sort()).toEqual([
      'forward portable',
      'forward tensorflow.js',
      'training step portable',
      'training step tensorflow.js',
    ]);
    expect(memory().numTensors).toBe(before);
  });

  webgpuTest('sets kernels beside TensorFlow.js on WebGPU, recorded too, in a table and a file', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    const out = join(folder, 'ops.json');
    const { code, stdout } = await tiny('--device', 'webgpu', '--ops', 'layers,rms-norm', '--out', out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/tiny +rms-norm +forward +fused +float32 +float32 +captured /);
    const report = JSON.parse(await readFile(out, 'utf8'));
    expect(report.adapter.vendor).toEqual(expect.any(String));
    expect(report.versions.dawn).toMatch(/^webgpu \d/);
    expect(report.limits.maxBufferSize).toBeGreaterThan(0);
    const results: BenchResult[] = report.results;
    for (const { error, weights, precision } of results)
      expect(error ?? 0).toBeLessThan(weights === 'float16' || precision === 'float16' ? 1e-2 : 1e-5);
    expect(results.filter(({ weights }) => weights === 'float16').map(({ mode }) => mode)).toEqual([
      'enqueued',
      'captured',
    ]);
    const dispatches = (engine: string) =>
      results.find((one) => one.name === 'rms-norm' && one.pass === 'gradient' && one.engine === engine)!.dispatches!;
    expect(dispatches('fused')).toBeLessThan(dispatches('portable'));
    expect(memory().numTensors).toBe(before);
  });

  test.each([
    [['speed'], 'expected WHAT to be one of ops'],
    [['ops', '--shapes', 'huge'], 'expected --shapes to be one of small, group, tiny'],
    [['ops', '--ops', 'layers,fft'], 'expected --ops to be one of layers, linear-qkv'],
    [['ops', '--rounds', '0'], 'expected --rounds to be an integer >= 1'],
    [['ops', '--device', 'tpu'], 'Choose one of auto, webgpu, wasm, cpu'],
    [['ops', '--out', 'ops.txt'], 'expected --out to name a .json file'],
    [[], "missing required argument 'what'"],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await bench(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  test('documents its options and keys', async () => {
    const { stdout } = await bench('--help');
    for (const word of ['--shapes', '--ops', '--rounds', '--out', 'gb_per_s', 'rms-norm'])
      expect(stdout).toContain(word);
  });
});

test('the layers are those of the PyTorch side', () => {
  expect(forwardFlops(shapes.small) / 1e9).toBeCloseTo(257.7, 1);
});

test('errors are scaled by the largest value, and NaN shows', () => {
  const expected = [Float32Array.of(2, -4), Float32Array.of(0)];
  expect(scaledError([Float32Array.of(2, -3), Float32Array.of(0)], expected)).toBe(0.25);
  expect(scaledError([Float32Array.of(2, Number.NaN), Float32Array.of(0)], expected)).toBeNaN();
});
