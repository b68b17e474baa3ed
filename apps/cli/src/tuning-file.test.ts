import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { clearTuning, exportTuning, importTuning } from '@latte-flow/ops';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { webgpuTest } from '../../../tooling/test/webgpu.ts';
import { bootDevice } from './boot-device.ts';
import { run } from './program.ts';
import { loadTuning, saveTuning, tuningFile } from './tuning-file.ts';

// A software adapter compiles every kernel that is tried.
vi.setConfig({ testTimeout: 300_000 });

const tuning = { adapter: { '16x16x16 NT float32 plain': { tiling: 'tiled 32x32x16 4x4', pieces: 2 } } };

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'latte-tuning-'));
});
afterEach(async () => {
  clearTuning();
  await rm(cache, { recursive: true });
});

function terminal(env: Record<string, string> = { XDG_CACHE_HOME: cache }) {
  const [out, err]: [string[], string[]] = [[], []];
  const streams = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  };
  return { ...streams, env, out, err };
}

describe('the file of tuned choices', () => {
  test('lies in the cache folder of the user', () => {
    expect(tuningFile({ env: { XDG_CACHE_HOME: '/c', HOME: '/h' } })).toBe(join('/c', 'latte-flow', 'tuning.json'));
    expect(tuningFile({ env: { HOME: '/h' } })).toBe(join('/h', '.cache', 'latte-flow', 'tuning.json'));
    expect(tuningFile({ env: {} })).toBeUndefined();
  });

  test('is read as it was written; without one nothing happens', async () => {
    const context = terminal();
    await loadTuning(context);
    expect(exportTuning()).toEqual({});
    importTuning(tuning);
    const file = await saveTuning(context);
    expect(await readdir(dirname(file))).toEqual(['tuning.json']);
    clearTuning();
    await loadTuning(context);
    expect(exportTuning()).toEqual(tuning);
    await loadTuning(terminal({}));
    expect(context.err).toEqual([]);
  });

  test.each(['{', '[]', '{"adapter": 1}'])('is passed over with a warning where it holds %s', async (text) => {
    const context = terminal();
    const file = tuningFile(context)!;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await loadTuning(context);
    expect(context.err.join('')).toMatch(/^warning: .*tuning\.json passed over: /);
    expect(exportTuning()).toEqual({});
  });

  test('is refused without a place for it', async () => {
    await expect(saveTuning(terminal({}))).rejects.toMatchObject({ code: 'file-not-writable' });
  });

  webgpuTest('is used by every command on WebGPU alone', async () => {
    importTuning(tuning);
    await saveTuning(terminal());
    clearTuning();
    await bootDevice('cpu', terminal());
    expect(exportTuning()).toEqual({});
    await bootDevice('webgpu', terminal());
    expect(exportTuning()).toEqual(tuning);
  });
});

describe('latte tune', () => {
  test.each([
    [['--shapes', 'huge'], 'expected --shapes to be one of small, group, tiny'],
    [['--device', 'cpu'], "unknown option '--device'"],
  ])('refuses %j', async (args, message) => {
    const context = terminal();
    expect(await run(['tune', ...args], context)).toBe(2);
    expect(context.err.join('')).toContain(message);
  });

  webgpuTest('measures the products of layers and of their gradients, and keeps the choices', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    const context = terminal();
    expect(await run(['tune', '--shapes', 'tiny', '--json'], context)).toBe(0);
    const { file, products } = JSON.parse(context.out.join(''));
    const kinds = products.map((product: Record<string, unknown>) => `${product['transpose_a']} ${product['weights']}`);
    expect([...new Set(kinds)].sort()).toEqual(['false float16', 'false float32', 'true float32']);
    const kept = JSON.parse(await readFile(file, 'utf8'));
    expect(kept).toEqual(exportTuning());
    expect(Object.values<object>(kept).flatMap((classes) => Object.keys(classes))).toHaveLength(products.length);
    expect(memory().numTensors).toBe(before);
  });
});
