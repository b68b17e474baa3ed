import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

import { startFakeHub, type FakeHub } from '../../tooling/test/fake-hub.ts';
import { browserTest, bundlePage, launchChromium, missing } from './chromium.ts';
import type { HubResult, HubTask } from './hub-page.ts';
import { servePage, type PageServer } from './page-server.ts';

const ID = 'owner/tiny';
const WEIGHTS = 'model.safetensors';
/** A part of the cache and a rest. */
const weights = new Uint8Array(20 * 2 ** 20).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
const files = {
  'config.json': `{ "text": "${'a'.repeat(500)}" }`,
  'tokenizer.json': '{ "a": 1 }',
  [WEIGHTS]: weights,
  'model.bin': 'pickle',
};
const middle = [...weights.subarray(weights.length / 2, weights.length / 2 + 4)];

let server: PageServer;
let browser: Browser;
let hub: FakeHub;
let page: Page;

beforeAll(async () => {
  if (missing !== undefined) return;
  const html = '<!doctype html><title>Hub</title><script type="module" src="/page.js"></script>';
  server = await servePage({ '/index.html': html, '/page.js': await bundlePage('hub-page.ts') }, {});
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** A page whose origin has stored nothing. */
async function freshPage(): Promise<Page> {
  const context = await browser.newContext();
  return openPage(await context.newPage());
}

async function openPage(page: Page): Promise<Page> {
  await page.goto(`${server.origin}/index.html`);
  await page.waitForFunction('typeof readFromHub === "function"');
  return page;
}

beforeEach(async () => {
  if (missing !== undefined) return;
  hub = await startFakeHub({ id: ID, files });
  page = await freshPage();
});
afterEach(async () => {
  await page?.context().close();
  await hub?.close();
});

function readIn(page: Page, task: Partial<HubTask> = {}): Promise<HubResult> {
  const whole: HubTask = { id: ID, path: WEIGHTS, endpoint: hub.endpoint, ...task };
  return page.evaluate(`readFromHub(${JSON.stringify(whole)})`) as Promise<HubResult>;
}

const fileRequests = () => hub.requests.filter(({ isCdn, method }) => isCdn && method === 'GET');

function expectWhole({ size, sha256, middle: read }: HubResult): void {
  expect(size).toBe(weights.length);
  expect(sha256).toBe(hub.hashOf(WEIGHTS));
  expect(read).toEqual(middle);
}

browserTest('a page keeps a model of the Hub in its cache, and reads it without a connection', async () => {
  hub.fail('config.json', 'gzip');
  const result = await readIn(page);
  expectWhole(result);
  const total = weights.length + files['config.json'].length + files['tokenizer.json'].length;
  expect(result.last).toMatchObject({ stage: 'download', loaded: total, total });
  expectWhole(await readIn(page));
  expect(fileRequests()).toHaveLength(1);
  expect(hub.requests.some(({ path }) => path.endsWith('.bin'))).toBe(false);
  await hub.close();
  expectWhole(await readIn(page, { localFilesOnly: true }));
  await expect(readIn(page, { localFilesOnly: true, revision: 'v1' })).rejects.toThrow('in the cache, got none');
  hub = await startFakeHub({ id: ID, files });
});

browserTest('a page goes on after an abort, after a cut and after it was closed', async () => {
  await expect(readIn(page, { abortAt: 17 * 2 ** 20 })).rejects.toThrow('enough');
  await expect(readIn(page, { localFilesOnly: true })).rejects.toThrow('in the cache, got none');
  hub.fail(WEIGHTS, 'cut');
  const context = page.context();
  await page.close();
  page = await openPage(await context.newPage());
  expectWhole(await readIn(page));
  const begins = fileRequests().map(({ range }) => Number(range?.slice('bytes='.length, -1) ?? 0));
  expect(begins).toHaveLength(3);
  expect(begins[1]).toBeGreaterThanOrEqual(17 * 2 ** 20);
  // Of what came before the cut the browser may drop what was not read yet.
  expect(begins[2]).toBeGreaterThanOrEqual(begins[1]!);
});

browserTest('a page keeps nothing of a file with other bytes, and says so', async () => {
  hub.fail('config.json', 'other-bytes');
  await expect(readIn(page)).rejects.toThrow(/config.json of owner\/tiny to have the git-sha1/);
  hub.fail(WEIGHTS, 'other-bytes');
  await expect(readIn(page)).rejects.toThrow(/to have the sha256/);
  const kept = await page.evaluate(`(async () => {
    const cache = await caches.open('latte-flow-hub');
    return (await cache.keys()).map(({ url }) => url).filter((url) => url.includes('${hub.hashOf(WEIGHTS)}'));
  })()`);
  expect(kept).toEqual([]);
  expectWhole(await readIn(page));
});

browserTest('two pages of one origin bring a file once', async () => {
  const other = await openPage(await page.context().newPage());
  const results = await Promise.all([readIn(page), readIn(other)]);
  results.forEach(expectWhole);
  expect(fileRequests()).toHaveLength(1);
});
