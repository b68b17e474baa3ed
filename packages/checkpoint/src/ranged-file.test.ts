import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { blobStore } from './blob-store.ts';
import { openFileStore, openRanged, type FileStore } from './file-store.ts';

const SIZE = 9 * 2 ** 20;
const content = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31) >> 3);

let folder: string;
let server: Server;
let base: string;
/** What the server was asked for, `METHOD path range`. */
const asked: string[] = [];

/** How a server answers a request for bytes [begin, end). */
type Answer = (response: ServerResponse, begin: number, end: number) => void;

const right: Answer = (response, begin, end) =>
  response.writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${SIZE}` }).end(content.subarray(begin, end));

/** Wrong only after the first request, which asks for the size. */
const afterOpen =
  (wrong: Answer): Answer =>
  (response, begin, end) =>
    (end === 1 ? right : wrong)(response, begin, end);

const answers: Record<string, Answer> = {
  'right.bin': right,
  'whole.bin': (response) => response.writeHead(200, { 'content-length': SIZE }).end(content),
  'empty.bin': (response) => response.writeHead(416, { 'content-range': 'bytes */0' }).end(),
  'no-content-range.bin': (response) => response.writeHead(206).end(content.subarray(0, 1)),
  'other-range.bin': afterOpen((response, begin, end) =>
    response.writeHead(206, { 'content-range': `bytes ${begin + 1}-${end}/${SIZE}` }).end(content.subarray(begin, end)),
  ),
  'other-size.bin': afterOpen((response, begin, end) =>
    response
      .writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${SIZE + 1}` })
      .end(content.subarray(begin, end)),
  ),
  'whole-later.bin': afterOpen((response) => response.writeHead(200).end(content)),
  'short.bin': afterOpen((response, begin, end) =>
    response
      .writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${SIZE}` })
      .end(content.subarray(begin, end - 1)),
  ),
  'long.bin': afterOpen((response, begin, end) =>
    response
      .writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${SIZE}` })
      .end(content.subarray(begin, end + 1)),
  ),
  'cut.bin': afterOpen((response, begin, end) => {
    response.writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${SIZE}`, 'content-length': end - begin });
    response.write(content.subarray(begin, begin + 1), () => response.destroy());
  }),
  'stalls.bin': afterOpen((response, begin, end) => {
    response.writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${SIZE}` });
    response.write(content.subarray(begin, begin + 1));
  }),
  'gone.bin': afterOpen((response) => response.writeHead(404).end('gone')),
  'silent.bin': () => {},
};

function serve(request: IncomingMessage, response: ServerResponse): void {
  const range = request.headers.range;
  asked.push(`${request.url} ${range}`);
  const answer = answers[request.url!.slice(1)];
  if (answer === undefined) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('no');
  const [begin, last] = (/\d+-\d+/.exec(range ?? '')?.[0] ?? `0-${SIZE - 1}`).split('-').map(Number);
  answer(response, begin!, last! + 1);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latte-ranges-'));
  await writeFile(join(folder, 'right.bin'), content);
  await writeFile(join(folder, 'empty.bin'), '');
  server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

const blobs = () =>
  new Map([
    ['right.bin', new Blob([content])],
    ['empty.bin', new Blob([])],
  ]);
const readOnly = async (): Promise<FileStore> => {
  const { location, read, exists } = blobStore(blobs());
  return { location, read, exists };
};

describe.each<[string, () => Promise<FileStore>]>([
  ['a folder', () => openFileStore(folder)],
  ['an http URL', () => openFileStore(base)],
  ['Blobs', async () => blobStore(blobs())],
  ['a store that cannot open', readOnly],
])('%s', (_, open) => {
  test('gives any range, and refuses one beyond the end', async () => {
    const file = await openRanged(await open(), 'right.bin');
    expect(file.size).toBe(SIZE);
    for (const [begin, end] of [
      [0, 8],
      [8, 100],
      [SIZE - 3, SIZE],
      [5, SIZE - 5],
      [2 ** 22 - 1, 2 ** 22 + 1],
      [7, 7],
    ]) {
      const target = new Uint8Array(end! - begin!);
      await file.readInto(target, begin!);
      expect(Buffer.compare(target, content.subarray(begin, end))).toBe(0);
    }
    await expect(file.readInto(new Uint8Array(4), SIZE - 3)).rejects.toMatchObject({ code: 'file-not-found' });
    await file.close();
  });

  test('an empty file has no bytes; one that is not there is refused', async () => {
    const store = await open();
    const file = await openRanged(store, 'empty.bin');
    expect(file.size).toBe(0);
    await file.close();
    await expect(openRanged(store, 'none.bin')).rejects.toMatchObject({ code: 'file-not-found' });
    await expect(openRanged(store, '../right.bin')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('an abort throws its reason', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(openRanged(await open(), 'right.bin', { signal })).rejects.toBe(signal.reason);
    const file = await openRanged(await open(), 'right.bin');
    await expect(file.readInto(new Uint8Array(SIZE), 0, { signal })).rejects.toBe(signal.reason);
    await file.close();
  });
});

describe('a server', () => {
  const openHttp = async (path: string) => (await openFileStore(base, { stallTimeout: 200 })).open(path);

  test('is asked for nothing but ranges, small ones ahead of need', async () => {
    asked.length = 0;
    const file = await openHttp('right.bin');
    for (let begin = 0; begin < 1000; begin += 10) await file.readInto(new Uint8Array(10), begin);
    await file.readInto(new Uint8Array(5 * 2 ** 20), 10);
    expect(asked).toEqual(['0-0', '0-4194303', '10-5242889'].map((range) => `/right.bin bytes=${range}`));
  });

  test('that knows no ranges is read whole, once', async () => {
    asked.length = 0;
    const file = await openHttp('whole.bin');
    for (const begin of [0, 100]) {
      const target = new Uint8Array(10);
      await file.readInto(target, begin);
      expect(target).toEqual(content.slice(begin, begin + 10));
    }
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['none.bin', 'HTTP 404 text/plain'],
    ['no-content-range.bin', 'content-range missing'],
    ['silent.bin', 'nothing for 200 ms. The server has stalled'],
  ])('%s is refused when it is opened', async (path, message) => {
    await expect(openHttp(path)).rejects.toThrow(message);
    await expect(openHttp(path)).rejects.toMatchObject({ code: 'file-not-found' });
  });

  test.each([
    ['other-range.bin', `content-range bytes 1-4194304/${SIZE}`],
    ['other-size.bin', `of a file of ${SIZE} bytes`],
    ['whole-later.bin', 'HTTP 200, content-range missing'],
    ['short.bin', 'bytes [0, 4194304)'],
    ['long.bin', 'got more bytes'],
    ['cut.bin', 'The connection broke off'],
    ['stalls.bin', 'nothing for 200 ms. The server has stalled'],
    ['gone.bin', 'HTTP 404'],
  ])('%s is refused when it is read', async (path, message) => {
    const file = await openHttp(path);
    const reading = file.readInto(new Uint8Array(10), 0);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ code: 'file-not-found' });
  });

  test('is left alone on abort', async () => {
    const file = await openHttp('stalls.bin');
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 50);
    await expect(file.readInto(new Uint8Array(10), 0, { signal: controller.signal })).rejects.toBe(reason);
  });

  test('that stalls in the middle of a whole file is given up', async () => {
    await expect((await openFileStore(base, { stallTimeout: 200 })).read('silent.bin')).rejects.toThrow('has stalled');
  });
});
