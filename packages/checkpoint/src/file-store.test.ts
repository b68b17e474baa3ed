import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { startFakeHub } from '../../../tooling/test/fake-hub.ts';
import { openFileStore } from './file-store.ts';

let folder: string;
let server: Server;
let base: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latte-store-'));
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'sub', 'file.bin'), new Uint8Array([1, 2, 3]));
  server = createServer((request, response) => {
    if (request.url === '/models/sub/file.bin')
      response.writeHead(200, { 'content-length': 3 }).end(new Uint8Array([1, 2, 3]));
    else if (request.url === '/models/slow.bin')
      response.writeHead(200, { 'content-length': 10 }).write(new Uint8Array(1));
    else if (request.url === '/models/broken.bin') {
      response.writeHead(200, { 'content-length': 10 }).write(new Uint8Array(1), () => response.destroy());
    } else if (request.url === '/models/page.bin')
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    else response.writeHead(404).end('no');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

describe.each([
  ['a path', () => folder],
  ['a file: URL', () => pathToFileURL(folder).href],
  ['an http URL', () => base],
  ['an http URL with a slash', () => `${base}/`],
])('%s', (_, location) => {
  test('reads files, reports bytes, knows what is there', async () => {
    const store = await openFileStore(location());
    const seen: [number, number | undefined][] = [];
    const bytes = await store.read('sub/file.bin', { onBytes: (loaded, total) => seen.push([loaded, total]) });
    expect(bytes).toEqual(new Uint8Array([1, 2, 3]));
    expect(seen.at(-1)).toEqual([3, 3]);
    expect(await store.exists('sub/file.bin')).toBe(true);
    expect(await store.exists('sub/other.bin')).toBe(false);
    await expect(store.read('sub/other.bin')).rejects.toMatchObject({ code: 'file-not-found' });
  });

  test.each(['../secret', '/etc/passwd', 'a//b', 'sub\\file.bin', 'http://elsewhere/x', '', 'a?b'])(
    'refuses the path %j',
    async (path) => {
      const store = await openFileStore(location());
      await expect(store.read(path)).rejects.toThrow('FileStore.read: expected a relative path inside the folder');
      await expect(store.exists(path)).rejects.toMatchObject({ code: 'invalid-argument' });
    },
  );

  test('throws the reason of an abort', async () => {
    const store = await openFileStore(location());
    const signal = AbortSignal.abort();
    await expect(store.read('sub/file.bin', { signal })).rejects.toBe(signal.reason);
  });
});

test('an abort stops a download', async () => {
  const store = await openFileStore(base);
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = store.read('slow.bin', { signal: controller.signal, onBytes: () => controller.abort(reason) });
  await expect(reading).rejects.toBe(reason);
});

test('a broken connection, a start page and a dead server are files not found', async () => {
  const store = await openFileStore(base);
  await expect(store.read('broken.bin')).rejects.toMatchObject({ code: 'file-not-found' });
  await expect(store.read('page.bin')).rejects.toThrow('HTTP 200 text/html');
  const nowhere = await openFileStore('http://127.0.0.1:1/models');
  await expect(nowhere.read('x.bin')).rejects.toThrow('Check the connection');
});

test('refuses locations that are no folder', async () => {
  await expect(openFileStore(join(folder, 'nowhere'))).rejects.toThrow('openFileStore: expected a folder');
  await expect(openFileStore(join(folder, 'sub', 'file.bin'))).rejects.toMatchObject({ code: 'file-not-found' });
  await expect(openFileStore('s3://bucket')).rejects.toThrow(
    'expected a path, a file: URL, an http(s) URL or the name of a model on the Hub, owner/name, got "s3://bucket"',
  );
});

test('says what to do with a path in a browser', async () => {
  vi.stubGlobal('process', undefined);
  await expect(openFileStore('./models/emoji')).rejects.toMatchObject({ code: 'unsupported' });
  vi.unstubAllGlobals();
});

test('a name of the Hub is one where no such path exists', async () => {
  const cwd = process.cwd();
  await mkdir(join(folder, 'owner/name'), { recursive: true });
  await writeFile(join(folder, 'owner/name/config.json'), '{}');
  const options = { cacheDir: join(folder, 'cache'), localFilesOnly: true };
  process.chdir(folder);
  try {
    const store = await openFileStore('owner/name', options);
    expect(await store.exists('config.json')).toBe(true);
    await expect(openFileStore('owner/other', options)).rejects.toThrow(
      'expected owner/other (revision main) in the cache',
    );
    await expect(openFileStore('sub/file.bin', options)).rejects.toThrow('expected a folder');
    await expect(openFileStore('sub/deeper/nowhere', options)).rejects.toThrow('expected a folder');
  } finally {
    process.chdir(cwd);
  }
});

test('a model of the Hub is opened by its name', async () => {
  const hub = await startFakeHub({
    id: 'owner/name',
    files: { 'config.json': '{ "a": 1 }', 'model.safetensors': 'x' },
  });
  const seen: string[] = [];
  try {
    const store = await openFileStore('owner/name', {
      endpoint: hub.endpoint,
      cacheDir: join(folder, 'cache'),
      onProgress: ({ stage }) => seen.push(stage),
    });
    expect(store.location).toBe('owner/name');
    expect(new TextDecoder().decode(await store.read('config.json'))).toBe('{ "a": 1 }');
    await expect(store.read('../config.json')).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(new Set(seen)).toEqual(new Set(['download']));
  } finally {
    await hub.close();
  }
});
