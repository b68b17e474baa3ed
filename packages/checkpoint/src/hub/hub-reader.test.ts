import { execFile } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { uniformNoise, type Progress } from '@latte-flow/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { startFakeHub, type FakeHub, type FakeHubOptions, type Fault } from '../../../../tooling/test/fake-hub.ts';
import { downloadModel, hubReader } from './hub-reader.ts';
import type { HubOptions } from './hub-settings.ts';
import { nodeBuiltins } from './node-builtins.ts';
import { nodeCache } from './node-cache.ts';

const ID = 'owner/tiny.model-1';
const WEIGHTS = 'model.safetensors';
const weights = Uint8Array.from(uniformNoise(300_000, { seed: 5 }), (u) => 256 * u);
const files = {
  '.gitattributes': '* lfs',
  'README.md': '# Tiny',
  'config.json': '{ "hidden_size": 2 }',
  'tokenizer.json': '{}',
  [WEIGHTS]: weights,
  'model.safetensors.index.json': '{ "weight_map": { "a": "nowhere.safetensors" } }',
  'pytorch_model.bin': new Uint8Array(5_000),
  'onnx/model.onnx': new Uint8Array(5_000),
  'onnx/tokenizer.json': '{}',
  'vlm/config.json': '{}',
  'vlm/model.safetensors': weights.subarray(0, 2_000),
};
const NEEDED = ['config.json', 'tokenizer.json', WEIGHTS, 'vlm/config.json', 'vlm/model.safetensors'];

let hub: FakeHub;
let cacheDir: string;

async function start(options: Partial<FakeHubOptions> = {}): Promise<void> {
  await hub?.close();
  hub = await startFakeHub({ id: ID, files, ...options });
}

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'latte-hub-'));
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('HF_HUB_OFFLINE', '');
  await start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  await rm(cacheDir, { recursive: true, force: true });
});

const read = (options: HubOptions = {}) =>
  hubReader(ID, { endpoint: hub.endpoint, cacheDir, retryDelay: 5, stallTimeout: 300, ...options });

const root = () => join(cacheDir, 'models--owner--tiny.model-1');
const blobNames = () => readdir(join(root(), 'blobs')).catch((): string[] => []);
const finished = async () => (await blobNames()).filter((name) => !name.endsWith('.incomplete'));
const parts = async () => (await blobNames()).filter((name) => name.endsWith('.incomplete'));
const fileRequests = (path: string) => hub.requests.filter((request) => request.path === `/${path}` && request.isCdn);

async function expectWhole(options: HubOptions = {}): Promise<void> {
  const reader = await read(options);
  expect(Buffer.compare(await reader.read(WEIGHTS, {}), weights)).toBe(0);
}

/** Whatever has a final name is what the hash says. */
async function expectSound(): Promise<void> {
  for (const name of await finished()) {
    const path = Object.keys(files).find((path) => hub.hashOf(path) === name)!;
    expect(Buffer.compare(await readFile(join(root(), 'blobs', name)), Buffer.from(files[path as 'README.md']))).toBe(
      0,
    );
  }
}

describe('a download', () => {
  test('brings what is needed and nothing else, in the layout of the Hugging Face libraries', async () => {
    const reader = await read({ revision: 'refs/pr/1' });
    expect(new TextDecoder().decode(await reader.read('config.json', {}))).toBe(files['config.json']);
    expect((await finished()).toSorted()).toEqual([...new Set(NEEDED.map((path) => hub.hashOf(path)))].toSorted());
    expect(await parts()).toEqual([]);
    expect(await readFile(join(root(), 'refs/refs/pr/1'), 'utf8')).toBe(hub.commit);
    const snapshot = join(root(), 'snapshots', hub.commit);
    expect(await readlink(join(snapshot, WEIGHTS))).toBe(`../../blobs/${hub.hashOf(WEIGHTS)}`);
    expect(await readlink(join(snapshot, 'vlm/config.json'))).toBe(`../../../blobs/${hub.hashOf('vlm/config.json')}`);
    expect(await reader.exists('pytorch_model.bin')).toBe(false);
    expect(hub.requests.some(({ path }) => /\.(bin|onnx|md)$|^\/api.*onnx/.test(path))).toBe(false);
  });

  test('tells of all bytes and of those of each file', async () => {
    const seen: Progress[] = [];
    await read({ onProgress: (progress) => seen.push(progress) });
    const total = NEEDED.reduce((sum, path) => sum + files[path as 'README.md'].length, 0);
    expect(seen.every((progress) => progress.stage === 'download' && progress.total === total)).toBe(true);
    expect(seen.at(-1)!.loaded).toBe(total);
    for (const path of NEEDED) {
      const last = seen.findLast((progress) => progress.file?.path === path)!;
      expect(last.file).toEqual({ path, loaded: files[path as 'README.md'].length, total: last.file!.total });
    }
  });

  test('is not made twice, and is there without a connection', async () => {
    await read();
    const before = hub.requests.length;
    await expectWhole();
    expect(hub.requests.slice(before).every(({ path }) => path.startsWith('/api/'))).toBe(true);
    await hub.close();
    await expectWhole({ localFilesOnly: true });
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expectWhole();
    await expectWhole({ revision: hub.commit });
    await expect(read({ revision: 'v1' })).rejects.toMatchObject({ code: 'file-not-found' });
    await expect(read({ localFilesOnly: false })).rejects.toMatchObject({ code: 'download-failed' });
  });

  test('downloadModel gives the folder', async () => {
    const options = { endpoint: hub.endpoint, cacheDir };
    const path = await downloadModel(ID, options);
    expect(path).toBe(join(root(), 'snapshots', hub.commit));
    expect(Buffer.compare(await readFile(join(path, WEIGHTS)), weights)).toBe(0);
    expect(await downloadModel(ID, { ...options, localFilesOnly: true })).toBe(path);
  });

  test('takes the files that `files` names instead', async () => {
    const reader = await read({ files: (path) => path === 'README.md' });
    expect(await reader.exists('README.md')).toBe(true);
    expect(await finished()).toHaveLength(1);
  });

  test('sends the token to the Hub and not where large files are redirected to', async () => {
    await start({ token: 'hf_secret' });
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    await expectWhole();
    expect(fileRequests(WEIGHTS)).toHaveLength(1);
    for (const { isCdn, authorization } of hub.requests)
      expect(authorization).toBe(isCdn ? undefined : 'Bearer hf_secret');
  });

  test('finds its cache as the Python library does', async () => {
    vi.stubEnv('HF_HOME', cacheDir);
    await read({ cacheDir: undefined });
    expect((await stat(join(cacheDir, 'hub/models--owner--tiny.model-1/refs/main'))).isFile()).toBe(true);
    vi.stubEnv('HF_HUB_CACHE', join(cacheDir, 'elsewhere'));
    await read({ cacheDir: undefined });
    expect(await readdir(join(cacheDir, 'elsewhere'))).toEqual(['models--owner--tiny.model-1']);
  });

  test('brings the shards that the index names, and refuses before it brings any if one is missing', async () => {
    const index = JSON.stringify({
      weight_map: { a: 'model-1.safetensors', b: 'model-1.safetensors', c: 'two.safetensors' },
    });
    const sharded = {
      'config.json': '{}',
      'model.safetensors.index.json': index,
      'model-1.safetensors': weights,
      'other.safetensors': 'x',
    };
    await start({ files: sharded });
    await expect(read()).rejects.toThrow(
      'expected the shard two.safetensors, which model.safetensors.index.json names',
    );
    expect(fileRequests('model-1.safetensors')).toEqual([]);
    await start({ files: { ...sharded, 'two.safetensors': weights.subarray(1) } });
    const reader = await read();
    expect(await reader.exists('two.safetensors')).toBe(true);
    expect(await reader.exists('other.safetensors')).toBe(false);
  });
});

describe('a server that fails', () => {
  test.each<[string, Fault[], number]>([
    ['cuts the connection', ['cut'], 2],
    ['cuts it again and again, further on each time', ['cut', 'cut', 'cut', 'cut', 'cut', 'cut', 'cut'], 8],
    ['falls silent', ['stall'], 2],
    ['ends early without a word', ['half'], 2],
    ['cuts, then ignores the range', ['cut', 'ignore-range'], 2],
    ['cuts, then sends another range', ['cut', 'other-range'], 3],
    ['is busy', [503, 429, 500], 4],
  ])('%s: the file is whole in the end', async (_, faults, requests) => {
    hub.fail(WEIGHTS, ...faults);
    await expectWhole();
    expect(fileRequests(WEIGHTS)).toHaveLength(requests);
    expect(await parts()).toEqual([]);
    await expectSound();
  });

  test('goes on by range after a cut', async () => {
    hub.fail(WEIGHTS, 'cut');
    await expectWhole();
    expect(fileRequests(WEIGHTS).map(({ range }) => range)).toEqual([undefined, `bytes=${weights.length / 2}-`]);
  });

  test.each<[string, Fault[], string, RegExp]>([
    ['another length', ['shorter'], 'checkpoint-invalid', /to have 300000 bytes, got 299999 bytes/],
    ['a greater length', ['longer'], 'checkpoint-invalid', /to have 300000 bytes, got 600000 bytes/],
    ['more bytes than it should', ['endless'], 'checkpoint-invalid', /to have 300000 bytes, got more/],
    ['other bytes', ['other-bytes'], 'checkpoint-invalid', /to have the sha256 [0-9a-f]{64}, got [0-9a-f]{64}/],
    ['404', [404], 'file-not-found', /model\.safetensors of owner\/tiny\.model-1 on the Hub, got HTTP 404/],
    ['403', [403], 'access-denied', /HTTP 403/],
    ['500 for ever', [500, 500, 500, 500, 500], 'download-failed', /HTTP 500/],
    ['silence for ever', ['stall', 429, 429, 429, 429], 'download-failed', /HTTP 429/],
  ])('%s: an error, and nothing that looks finished', async (_, faults, code, message) => {
    hub.fail(WEIGHTS, ...faults);
    await expect(read()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await finished()).not.toContain(hub.hashOf(WEIGHTS));
    await expectSound();
    await expect(stat(join(root(), 'refs/main'))).rejects.toThrow('ENOENT');
    const left = (await parts()).filter((name) => name.startsWith(hub.hashOf(WEIGHTS)));
    expect(left).toHaveLength(code === 'download-failed' && faults[0] === 'stall' ? 1 : 0);
    await expectWhole();
    expect(await parts()).toEqual([]);
  });

  test('that compresses text is understood', async () => {
    hub.fail('config.json', 'gzip');
    await expectWhole();
    await expectSound();
  });

  test('a small file with other bytes is refused by the hash of git', async () => {
    hub.fail('config.json', 'other-bytes');
    await expect(read()).rejects.toThrow(/config\.json of .* to have the git-sha1/);
    await expectSound();
  });

  test.each<[string, FakeHubOptions['refusal'], string, RegExp]>([
    ['a gated model', { status: 403, code: 'GatedRepo' }, 'access-denied', /accept its terms .* HF_TOKEN/],
    ['no such model', { status: 404, code: 'RepoNotFound' }, 'file-not-found', /a private model needs HF_TOKEN/],
    ['no such model, without a token', { status: 401, code: 'RepoNotFound' }, 'file-not-found', /Check its name/],
    ['no such revision', { status: 404, code: 'RevisionNotFound' }, 'file-not-found', /Name a branch, tag or commit/],
    ['401', { status: 401 }, 'access-denied', /HF_TOKEN or accessToken/],
    ['a broken Hub', { status: 500 }, 'download-failed', /HTTP 500\. Try again later/],
    ['a Hub that speaks of other things', { status: 200 }, 'checkpoint-invalid', /to be described by the Hub/],
  ])('%s: the error says so', async (_, refusal, code, message) => {
    await start({ refusal });
    await expect(read()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('no server at all: the error says how to go on without', async () => {
    await hub.close();
    await expect(read()).rejects.toMatchObject({
      code: 'download-failed',
      isEnvironmental: true,
      message: expect.stringContaining('localFilesOnly'),
    });
  });
});

describe('a part that was left', () => {
  const abortMidway = (): Promise<unknown> => {
    const controller = new AbortController();
    hub.fail(WEIGHTS, 'stall');
    const reading = read({ signal: controller.signal, stallTimeout: 60_000 });
    const wait = setInterval(
      () => fileRequests(WEIGHTS).length > 0 && setTimeout(() => controller.abort('enough'), 100),
    );
    return reading.catch((error: unknown) => error).finally(() => clearInterval(wait));
  };

  test('by an abort: the reason is thrown, and the next download goes on from there', async () => {
    expect(await abortMidway()).toBe('enough');
    const part = (await parts()).find((name) => name.startsWith(hub.hashOf(WEIGHTS)));
    const { size } = await stat(join(root(), 'blobs', part!));
    expect(size).toBeGreaterThan(0);
    await expectWhole();
    expect(fileRequests(WEIGHTS).at(-1)!.range).toBe(`bytes=${size}-`);
    expect(await parts()).toEqual([]);
  });

  const leave = async (content: Uint8Array, { secondsAgo }: { secondsAgo: number }): Promise<string> => {
    const path = join(root(), 'blobs', `${hub.hashOf(WEIGHTS)}.incomplete`);
    await mkdir(join(root(), 'blobs'), { recursive: true });
    await writeFile(path, content);
    const time = new Date(Date.now() - 1000 * secondsAgo);
    await utimes(path, time, time);
    return path;
  };

  test('by a process that was killed, or by another library', async () => {
    await leave(weights.subarray(0, 100_000), { secondsAgo: 60 });
    await expectWhole();
    expect(fileRequests(WEIGHTS).map(({ range }) => range)).toEqual(['bytes=100000-']);
    expect(await parts()).toEqual([]);
  });

  test('with other bytes: the file is brought anew', async () => {
    await leave(new Uint8Array(100_000), { secondsAgo: 60 });
    await expectWhole();
    expect(fileRequests(WEIGHTS).map(({ range }) => range)).toEqual(['bytes=100000-', undefined]);
  });

  test('longer than the file', async () => {
    await leave(new Uint8Array(400_000), { secondsAgo: 60 });
    await expectWhole();
    expect(fileRequests(WEIGHTS).map(({ range }) => range)).toEqual([undefined]);
  });

  test('by a process that is at work is left alone until that has ended', async () => {
    const path = await leave(weights.subarray(0, 10), { secondsAgo: 0 });
    const reading = expectWhole();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(fileRequests(WEIGHTS)).toEqual([]);
    await writeFile(join(root(), 'blobs', hub.hashOf(WEIGHTS)), weights);
    await rm(path);
    await reading;
    expect(fileRequests(WEIGHTS)).toEqual([]);
  });

  test('a finished name on half a file is not believed', async () => {
    await leave(weights, { secondsAgo: 60 });
    await writeFile(join(root(), 'blobs', hub.hashOf(WEIGHTS)), weights.subarray(0, 7));
    await expectWhole();
    await expectSound();
  });
});

describe('two at once', () => {
  test('in one process bring a file once', async () => {
    await Promise.all([expectWhole(), expectWhole(), expectWhole()]);
    expect(fileRequests(WEIGHTS)).toHaveLength(1);
    expect(await parts()).toEqual([]);
    await expectSound();
  });

  test('in processes of their own bring a file once', async () => {
    const program = `
      const { hubReader } = await import(process.argv[1]);
      const options = { endpoint: process.argv[2], cacheDir: process.argv[3], retryDelay: 5 };
      const reader = await hubReader(${JSON.stringify(ID)}, options);
      process.stdout.write(String((await reader.read('${WEIGHTS}', {})).length));`;
    const module = fileURLToPath(new URL('hub-reader.ts', import.meta.url));
    const flags = ['--conditions=@latte-flow/source', '--input-type=module', '-e', program];
    const run = () => promisify(execFile)(process.execPath, [...flags, module, hub.endpoint, cacheDir]);
    const results = await Promise.all([run(), run(), run()]);
    expect(results.map(({ stdout }) => stdout)).toEqual(['300000', '300000', '300000']);
    expect(fileRequests(WEIGHTS)).toHaveLength(1);
    expect(await parts()).toEqual([]);
    await expectSound();
  });
});

test('where links are not allowed a snapshot holds copies', async () => {
  const node = nodeBuiltins()!;
  const symlink = () => Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'symlink' }));
  const cache = nodeCache(ID, cacheDir, { ...node, fs: { ...node.fs, symlink } });
  const file = { path: 'config.json', size: 2, hash: 'a'.repeat(40), hashKind: 'git-sha1' } as const;
  const snapshot = { commit: hub.commit, endpoint: hub.endpoint, files: [file] };
  await cache.complete(snapshot, file, { fill: (partial) => partial.append(new TextEncoder().encode('{}')) });
  const path = join(root(), 'snapshots', hub.commit, 'config.json');
  expect((await lstat(path)).isFile()).toBe(true);
  expect(await readFile(path, 'utf8')).toBe('{}');
  expect(await cache.has(snapshot, file)).toBe(true);
});

describe('bad input', () => {
  test('a machine without the client', async () => {
    vi.doMock('@huggingface/hub', () => {
      throw new Error('not here');
    });
    await expect(read()).rejects.toMatchObject({
      code: 'dependency-missing',
      message: expect.stringContaining('npm install @huggingface/hub'),
    });
    vi.doUnmock('@huggingface/hub');
  });

  test.each(['owner', 'a/b/c', '../x', 'a/..', 'a/b.git', 'a--b/c', 'a/b c', '/a', ''])('the name %j', async (id) => {
    await expect(hubReader(id, { cacheDir })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test.each<[string, HubOptions]>([
    ['a revision that leaves the folder', { revision: '../main' }],
    ['an endpoint that is none', { endpoint: 'hub' }],
    ['no time', { stallTimeout: 0 }],
  ])('%s', async (_, options) => {
    await expect(read(options)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('files of the Hub whose names leave the folder are not touched', async () => {
    const names = ['../evil.json', 'a\\b.json', '/config.json', '..'];
    await start({ files: { ...files, ...Object.fromEntries(names.map((name) => [name, 'x'])) } });
    await expectWhole({ files: undefined });
    await read({ files: () => true });
    expect(await readdir(cacheDir)).toEqual(['models--owner--tiny.model-1']);
    const below = await readdir(join(root(), 'snapshots', hub.commit), { recursive: true });
    expect(below.some((name) => name.includes('evil') || name.includes('\\'))).toBe(false);
  });

  test('a cache that cannot be written', async () => {
    const file = join(cacheDir, 'file');
    await writeFile(file, '');
    await expect(read({ cacheDir: file })).rejects.toMatchObject({ code: 'file-not-writable' });
  });

  test('an abort before it begins', async () => {
    await expect(read({ signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(hub.requests).toEqual([]);
  });
});
