import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bootBackend, type Device } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import type { CheckLine } from './report.ts';
import { verifyFolders } from './verify.ts';

const fixtures = fileURLToPath(new URL('../../../../test/fixtures', import.meta.url));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-float16-'));
});
afterEach(() => rm(root, { recursive: true }));

async function verify(device: Device): Promise<CheckLine[]> {
  await bootBackend({ device });
  const before = memory().numTensors;
  const lines: CheckLine[] = [];
  await verifyFolders([root], { device, dtype: 'float16', onLine: (line) => lines.push(line) });
  expect(memory().numTensors).toBe(before);
  return lines;
}

/** The case `one` of a VLM's fixture alone: software WebGPU is slow. */
async function copyOneCase(): Promise<void> {
  const file = join(root, 'golden.json');
  await cp(join(fixtures, 'vlm/qwen2vl'), root, { recursive: true });
  const golden = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...golden, cases: { one: golden.cases.one } }));
}

function expectHeld(lines: readonly CheckLine[], { least }: { least: number }): void {
  expect(lines.filter(({ status }) => status === 'fail')).toEqual([]);
  const ofWeights = lines.filter(({ metric }) => metric === 'scaled');
  expect(ofWeights.length).toBeGreaterThanOrEqual(least);
  expect(new Set(ofWeights.map(({ tolerance }) => tolerance))).toEqual(new Set([1e-2]));
  // Halves were used: float32 is a hundred times closer.
  expect(Math.max(...ofWeights.map(({ error }) => error!))).toBeGreaterThan(1e-4);
}

describe('weights of halves hold 1e-2 of the largest value', () => {
  for (const [device, runTest] of [
    ['wasm', test],
    ['webgpu', webgpuTest],
  ] as const) {
    runTest(`a generation stream on ${device}; training is not checked, and says so`, async () => {
      await cp(join(fixtures, 'latte_flow/tiny'), root, { recursive: true });
      const lines = await verify(device);
      expectHeld(lines, { least: 8 });
      expect(lines.filter(({ status }) => status === 'unsupported').map(({ quantity }) => quantity)).toEqual(['train']);
    });

    runTest(`a VLM on ${device}`, async () => {
      await copyOneCase();
      const lines = await verify(device);
      expectHeld(lines, { least: 15 });
      expect(lines.find(({ quantity }) => quantity === 'one.generated_ids')?.status).toBe('pass');
    });
  }
});
