import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { bootBackend } from '@latte-flow/runtime';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { writeTinyCheckpoint } from '../../../test/models/tiny-checkpoint.ts';
import { startFakeHub, type FakeHub } from '../../../tooling/test/fake-hub.ts';
import { run } from './program.ts';

const COUPLED = 'owner/latte';
let root: string;
let hub: FakeHub;

async function filesBelow(folder: string): Promise<Record<string, Uint8Array>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path)] as const)),
  );
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-cli-hub-'));
  await writeTinyCheckpoint(join(root, 'model'));
  hub = await startFakeHub({ id: COUPLED, files: await filesBelow(join(root, 'model')) });
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('HF_HOME', join(root, 'cache'));
  vi.stubEnv('HF_HUB_CACHE', '');
  vi.stubEnv('HF_TOKEN', '');
  await bootBackend({ device: 'cpu' });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  await rm(root, { recursive: true });
});
afterEach(() => rm(join(root, 'cache'), { recursive: true, force: true }));

async function latte(args: readonly string[], { isTTY = false } = {}) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await run(args, {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text), isTTY },
    env: {},
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}

test('inspect takes a name of the Hub, shows how the download goes, and says the same of the folder', async () => {
  const { code, stdout, stderr } = await latte(['inspect', COUPLED], { isTTY: true });
  expect(code).toBe(0);
  expect(stderr).toMatch(/download \[#{30}\] (\S+) of \1 /);
  expect(stdout.replace(COUPLED, '')).toBe((await latte(['inspect', join(root, 'model')])).stdout.replace(/^.*/, ''));
  const again = await latte(['inspect', COUPLED, '--json']);
  expect(again.stderr).toBe('');
  expect(JSON.parse(again.stdout)).toMatchObject({ model: COUPLED, groups: [{ group: 0 }, { group: 1 }] });
});

test('inspect of a vision-language model alone', async () => {
  const { code, stdout } = await latte(['inspect', join(root, 'model/vlm'), '--json']);
  expect(code).toBe(0);
  const summary = JSON.parse(stdout);
  expect(summary).toMatchObject({ backbone: { model_type: 'qwen2_vl' } });
  expect(summary.parts.map(({ part }: { part: string }) => part).toSorted()).toEqual([
    'backbone language',
    'backbone vision',
  ]);
  expect((await latte(['inspect', join(root, 'model/vlm')])).stdout).toContain('qwen2_vl');
});

test('generate and describe take a name of the Hub', async () => {
  const image = join(root, 'a.png');
  const common = ['--model', COUPLED, '--device', 'cpu'];
  const generated = await latte(['generate', 'x', '-o', image, '--steps', '1', ...common]);
  expect(generated.stderr).toMatch(/download: .* of /);
  expect(generated.code).toBe(0);
  const before = hub.requests.length;
  const described = await latte(['describe', image, '--json', ...common]);
  expect(described.code).toBe(0);
  expect(JSON.parse(described.stdout)).toMatchObject({ model: COUPLED });
  expect(hub.requests.slice(before).every(({ path }) => path.startsWith('/api/'))).toBe(true);
});

test('convert, and the errors of a dtype, take a name of the Hub', async () => {
  const out = join(root, 'converted');
  const errors = await latte(['inspect', COUPLED, '--dtype', 'int8', '--json']);
  expect(JSON.parse(errors.stdout)).toMatchObject({ model: COUPLED, total: { max_error: expect.any(Number) } });
  const converted = await latte(['convert', COUPLED, '--dtype', 'float16', '-o', out, '--json']);
  expect(JSON.parse(converted.stdout).files).toContain('vlm/model.safetensors');
  expect((await readdir(out)).toSorted()).toEqual(['config.json', 'model.safetensors', 'vlm']);
  expect((await latte(['inspect', out])).code).toBe(0);
});

test('a model that the Hub has not got is bad input, a Hub that cannot be reached a failure', async () => {
  const unknown = await latte(['inspect', 'owner/unknown']);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toMatch(/^error: openHubStore: expected owner\/unknown .*HTTP 404 RepoNotFound/);
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  const offline = await latte(['inspect', COUPLED]);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  expect(offline).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('in the cache, got none') });
});
