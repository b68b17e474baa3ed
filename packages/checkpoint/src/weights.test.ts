import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { encodeSafetensors } from './encode.ts';
import { encodeWeights } from './encode-weights.ts';
import { openFileStore } from './file-store.ts';
import { writeFolder } from './node/index.ts';
import { toFloat32 } from './values.ts';
import { readJson } from './json-file.ts';
import { readWeights } from './weights.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latte-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

const fileOf = (names: readonly string[]) =>
  encodeSafetensors(names.map((name, i) => [name, { shape: [2], values: new Float32Array([i, 7]) }]));
const indexOf = (map: unknown) => JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });

async function storeOf(files: Record<string, Uint8Array | string>) {
  await writeFolder(folder, files);
  return openFileStore(folder);
}

test('reads a single file and reports its bytes', async () => {
  const file = fileOf(['a', 'b']);
  const seen: unknown[] = [];
  const tensors = await readWeights(await storeOf({ 'model.safetensors': file, 'config.json': '{}' }), {
    onProgress: (p) => seen.push(p),
  });
  expect([...tensors.keys()]).toEqual(['a', 'b']);
  expect(seen).toEqual([
    { stage: 'load', loaded: 8, total: 16 },
    { stage: 'load', loaded: 16, total: 16 },
  ]);
});

test('reads shards by their index, which decides what counts', async () => {
  const index = indexOf({ a: 'x-1.safetensors', c: 'x-2.safetensors', b: 'x-1.safetensors' });
  const store = await storeOf({
    'x-1.safetensors': fileOf(['a', 'b', 'not in the index']),
    'x-2.safetensors': fileOf(['c']),
    'model.safetensors.index.json': index,
  });
  const tensors = await readWeights(store);
  expect([...tensors.keys()]).toEqual(['a', 'c', 'b']);
  expect(toFloat32(tensors.get('b')!)).toEqual(new Float32Array([1, 7]));
});

test.each<[string, Record<string, Uint8Array | string>, string, string]>([
  ['no weights', { 'config.json': '{}' }, 'file-not-found', 'model.safetensors or model.safetensors.index.json'],
  [
    'a missing shard',
    { 'model.safetensors.index.json': indexOf({ a: 'x.safetensors' }) },
    'file-not-found',
    'the shard x.safetensors',
  ],
  [
    'a tensor that its shard lacks',
    { 'x.safetensors': fileOf(['b']), 'model.safetensors.index.json': indexOf({ a: 'x.safetensors' }) },
    'checkpoint-invalid',
    'tensor "a" in x.safetensors',
  ],
  [
    'a shard outside the folder',
    { 'model.safetensors.index.json': indexOf({ a: '../x.safetensors' }) },
    'checkpoint-invalid',
    'a file of the folder for "a"',
  ],
  [
    'a shard that is no name',
    { 'model.safetensors.index.json': indexOf({ a: 3 }) },
    'checkpoint-invalid',
    'a file of the folder for "a", got 3',
  ],
  ['no weight_map', { 'model.safetensors.index.json': '{}' }, 'checkpoint-invalid', 'an object weight_map'],
  [
    'an index twice over',
    { 'model.safetensors.index.json': '{"weight_map":{"a":"x","a":"y"}}' },
    'checkpoint-invalid',
    '"a" twice',
  ],
  [
    'an index that is not JSON',
    { 'model.safetensors.index.json': 'x' },
    'checkpoint-invalid',
    'JSON in UTF-8 as model.safetensors.index.json',
  ],
  ['a damaged file', { 'model.safetensors': fileOf(['a']).subarray(0, -1) }, 'checkpoint-invalid', 'tensor "a"'],
])('refuses %s', async (_, files, code, message) => {
  const reading = readWeights(await storeOf(files));
  await expect(reading).rejects.toMatchObject({ code });
  await expect(reading).rejects.toThrow(message);
});

test('heeds an abort between shards', async () => {
  const store = await storeOf({
    'x.safetensors': fileOf(['a']),
    'y.safetensors': fileOf(['b']),
    'model.safetensors.index.json': indexOf({ a: 'x.safetensors', b: 'y.safetensors' }),
  });
  const controller = new AbortController();
  const reason = new Error('enough');
  let shards = 0;
  const onProgress = () => {
    shards++;
    controller.abort(reason);
  };
  await expect(readWeights(store, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  expect(shards).toBe(1);
});

test('what encodeWeights writes comes back, in one file and in shards', async () => {
  const values = (i: number) => new Float32Array([i, i + 0.5, -i]);
  const tensors = Array.from({ length: 5 }, (_, i) => [`layer.${i}`, { shape: [3], values: values(i) }] as const);
  const single = encodeWeights(tensors, { metadata: { format: 'pt' } });
  const sharded = encodeWeights(tensors, { maxShardBytes: 24 });
  expect([...single.keys()]).toEqual(['model.safetensors']);
  expect([...sharded.keys()]).toEqual([
    'model-00001-of-00003.safetensors',
    'model-00002-of-00003.safetensors',
    'model-00003-of-00003.safetensors',
    'model.safetensors.index.json',
  ]);
  for (const files of [single, sharded]) {
    await writeFolder(folder, files);
    const read = await readWeights(await openFileStore(folder));
    expect([...read].map(([name, view]) => [name, toFloat32(view)])).toEqual(
      tensors.map(([name, { values }]) => [name, values]),
    );
  }
  const index = await readJson(await openFileStore(folder), 'model.safetensors.index.json');
  expect(index).toMatchObject({
    metadata: { total_size: 60 },
    weight_map: { 'layer.2': 'model-00002-of-00003.safetensors' },
  });
});

test('readJson gives the value', async () => {
  const store = await storeOf({ 'config.json': '{"hidden_size": 64}' });
  expect(await readJson(store, 'config.json')).toEqual({ hidden_size: 64 });
});
