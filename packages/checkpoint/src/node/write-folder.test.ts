import { mkdir, mkdtemp, readdir, readFile, rm, writeFile as put } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { writeFile, writeFolder } from './write-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-write-'));
});
afterEach(() => rm(root, { recursive: true }));

test('writes a folder, then replaces it as a whole', async () => {
  const target = join(root, 'model');
  await writeFolder(target, { 'config.json': '{}', 'vae/weights': new Uint8Array([1, 2]) });
  expect(await readFile(join(target, 'vae', 'weights'))).toEqual(Buffer.from([1, 2]));
  await writeFolder(target, new Map([['other.txt', 'ü']]));
  expect(await readdir(target)).toEqual(['other.txt']);
  expect(await readFile(join(target, 'other.txt'), 'utf8')).toBe('ü');
  expect(await readdir(root)).toEqual(['model']);
});

test('on failure or abort the old folder stays, and nothing else is left', async () => {
  const target = join(root, 'model');
  await writeFolder(target, { a: 'old' });
  // A file cannot be where a folder of the same name must be.
  await expect(writeFolder(target, { b: 'new', 'b/c': 'new' })).rejects.toMatchObject({ code: 'file-not-writable' });
  const signal = AbortSignal.abort();
  await expect(writeFolder(target, { b: 'new' }, { signal })).rejects.toBe(signal.reason);
  await expect(writeFolder(target, { '../b': 'new' })).rejects.toMatchObject({ code: 'invalid-argument' });
  expect(await readdir(root)).toEqual(['model']);
  expect(await readFile(join(target, 'a'), 'utf8')).toBe('old');
});

test('a place that cannot be written to is an error that names it', async () => {
  const file = join(root, 'file');
  await put(file, '');
  await expect(writeFolder(join(file, 'model'), { a: '' })).rejects.toThrow(
    `writeFolder: expected to write ${join(file, 'model')}`,
  );
  await expect(writeFile(join(file, 'a'), '')).rejects.toMatchObject({ code: 'file-not-writable' });
});

test('writeFile replaces atomically, makes the folder, and leaves nothing half-written', async () => {
  const file = join(root, 'deep', 'state.bin');
  await writeFile(file, 'one');
  await writeFile(file, 'two');
  expect(await readFile(file, 'utf8')).toBe('two');
  await mkdir(join(root, 'deep', 'taken', 'inside'), { recursive: true });
  await expect(writeFile(join(root, 'deep', 'taken'), 'x')).rejects.toMatchObject({ code: 'file-not-writable' });
  expect((await readdir(join(root, 'deep'))).sort()).toEqual(['state.bin', 'taken']);
});
