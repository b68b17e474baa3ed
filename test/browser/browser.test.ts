import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';

import { writeTinyCheckpoint } from '../models/tiny-checkpoint.ts';
import { browserTest, bundlePage, launchChromium, missing } from './chromium.ts';
import { drawAndDescribe, type PageResult, type PageTask } from './page-program.ts';
import { servePage, type PageServer } from './page-server.ts';

const wasmFolder = dirname(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm')));

let folder = '';
let server: PageServer;
let browser: Browser;
let expected: PageResult;

beforeAll(async () => {
  if (missing !== undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'latte-browser-'));
  const checkpoint = join(folder, 'checkpoint');
  await writeTinyCheckpoint(checkpoint);
  const page = '<!doctype html><title>LaTtE-Flow</title><script type="module" src="/page.js"></script>';
  server = await servePage(
    { '/index.html': page, '/page.js': await bundlePage('page-program.ts') },
    { '/checkpoint/': checkpoint, '/assets/wasm/': wasmFolder },
  );
  expected = await drawAndDescribe({ device: 'wasm', checkpoint });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

async function inPage<T>(body: (page: Page) => Promise<T>): Promise<T> {
  const page = await browser.newPage();
  try {
    await page.goto(`${server.origin}/index.html`);
    await page.waitForFunction('typeof drawAndDescribe === "function"');
    return await body(page);
  } finally {
    await page.close();
  }
}

function runInPage(task: Omit<PageTask, 'checkpoint'>): Promise<PageResult> {
  const whole: PageTask = { ...task, checkpoint: `${server.origin}/checkpoint` };
  return inPage((page) => page.evaluate(`drawAndDescribe(${JSON.stringify(whole)})`) as Promise<PageResult>);
}

function expectSame(actual: PageResult): void {
  expect(actual.pixels.length).toBe(16 * 16 * 3);
  const worst = actual.pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.pixels[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(2);
  expect(new Set(actual.pixels).size).toBeGreaterThan(50);
  expect(actual.text).toBe(expected.text);
  expect(actual.signature).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  expect(actual.tensorsLeft).toBe(0);
}

browserTest('webgpu in a browser draws and describes what Node does', async () => {
  const actual = await runInPage({ device: 'webgpu' });
  expect(actual.description).toMatch(/^webgpu \(/);
  expectSame(actual);
});

browserTest('wasm in a browser draws and describes what Node does, its files served from a folder', async () => {
  const actual = await runInPage({ device: 'wasm', wasmPaths: '/assets/wasm' });
  expect(actual.description).toBe('wasm');
  expectSame(actual);
  expect(server.requested.filter((path) => path.endsWith('.wasm'))).toEqual([
    '/assets/wasm/tfjs-backend-wasm-simd.wasm',
  ]);
});

browserTest('wasm whose files are nowhere is an error that says what to do, and auto passes it over', async () => {
  const wasmPaths = '/nowhere/';
  await expect(runInPage({ device: 'wasm', wasmPaths })).rejects.toThrow(/name their folder as wasmPaths/);
  const actual = await runInPage({ device: 'auto', wasmPaths });
  await expect(
    inPage((page) =>
      page.evaluate(`(async () => {
        const task = { checkpoint: '${server.origin}/checkpoint', device: 'wasm' };
        await drawAndDescribe({ ...task, wasmPaths: '/nowhere' }).catch(() => {});
        await drawAndDescribe({ ...task, wasmPaths: '/assets/wasm' });
      })()`),
    ),
  ).rejects.toThrow(/reload the page/);
  // Chromium's software adapter is passed over; a graphics card is not.
  if (actual.description.startsWith('webgpu')) return;
  expect(actual.description).toBe('cpu');
  expect(actual.warnings[1]).toContain('wasm passed over');
  expectSame(actual);
});
