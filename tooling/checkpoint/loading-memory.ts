/**
 * Peak memory of the host while a sharded checkpoint of 1 GB loads, against the bound of 1.3 x the largest tensor + the
 * result. Each case runs in a process of its own. Writes docs/checkpoint/loading-memory.json; fails where a case is above
 * the bound.
 *
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/checkpoint/loading-memory.ts
 */
import { openAsBlob } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  blobStore,
  openFileStore,
  openWeights,
  readTensors,
  readWeights,
  type FileStore,
  type WeightDtype,
} from '@latte-flow/checkpoint';
import { bootBackend, ParameterStore } from '@latte-flow/runtime';

import { workspaceRoot } from '../workspace/packages.ts';
import { runProcess } from '../workspace/run-process.ts';
import { machine } from './machine.ts';
import { serveFolder } from './range-server.ts';
import { writeSyntheticCheckpoint } from './synthetic-checkpoint.ts';

const SCRIPT = fileURLToPath(import.meta.url);
const OUT = join(workspaceRoot, 'docs/checkpoint/loading-memory.json');
const FACTOR = 1.3;

type Source = 'folder' | 'http' | 'blobs';
type Kind = 'as stored' | WeightDtype;

const cases: readonly (readonly [Source, Kind])[] = [
  ['folder', 'as stored'],
  ['folder', 'float32'],
  ['folder', 'float16'],
  ['folder', 'int8'],
  ['folder', 'int4'],
  ['http', 'as stored'],
  ['http', 'int8'],
  ['blobs', 'as stored'],
  ['blobs', 'int8'],
];

async function openSource(source: Source, location: string): Promise<FileStore> {
  if (source !== 'blobs') return openFileStore(location);
  const names = await readdir(location);
  return blobStore(
    new Map(await Promise.all(names.map(async (n) => [n, await openAsBlob(join(location, n))] as const))),
  );
}

/** Loads in this process; the result's bytes. */
async function load(store: FileStore, kind: Kind): Promise<number> {
  if (kind === 'as stored') {
    const views = await readWeights(store);
    return [...views.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
  const { tensors, close } = await openWeights(store);
  const parameters = await ParameterStore.load(readTensors(tensors, { dtype: kind }), {
    where: 'test',
    found: tensors,
  });
  await close();
  return parameters.bytes;
}

async function measureHere(source: Source, kind: Kind, location: string): Promise<void> {
  await bootBackend({ device: 'cpu' });
  const store = await openSource(source, location);
  const before = process.resourceUsage().maxRSS * 1024;
  const start = performance.now();
  const result = await load(store, kind);
  const seconds = Math.round(performance.now() - start) / 1000;
  const peak = process.resourceUsage().maxRSS * 1024 - before;
  process.stdout.write(JSON.stringify({ result, peak, seconds }));
}

async function measureAll(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'latte-1gb-'));
  try {
    const folder = join(root, 'model');
    await writeSyntheticCheckpoint(folder);
    const { tensors, bytes, close } = await openWeights(await openFileStore(folder));
    await close();
    const largest = Math.max(...[...tensors.values()].map(({ byteLength }) => byteLength));
    const { server, url } = await serveFolder(folder);
    const measured: object[] = [];
    let failed = false;
    for (const [source, kind] of cases) {
      const location = source === 'http' ? url : folder;
      const { exitCode, stdout, stderr } = await runProcess([
        process.execPath,
        ...process.execArgv,
        SCRIPT,
        source,
        kind,
        location,
      ]);
      if (exitCode !== 0) throw new Error(stderr);
      const { result, peak, seconds } = JSON.parse(stdout) as { result: number; peak: number; seconds: number };
      const bound = Math.round(FACTOR * largest + result);
      failed ||= peak > bound;
      measured.push({
        source,
        kind,
        result_bytes: result,
        peak_bytes: peak,
        bound_bytes: bound,
        within: peak <= bound,
        seconds,
      });
      process.stderr.write(`${source} ${kind}: peak ${peak} of ${bound}, ${seconds} s\n`);
    }
    server.close();
    const shards = (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).length;
    const checkpoint = { bytes, shards, tensors: tensors.size, largest_tensor_bytes: largest, dtype: 'float16' };
    const rule = 'peak resident memory beyond that before loading <= 1.3 x largest tensor + result';
    await mkdir(join(OUT, '..'), { recursive: true });
    const command = 'node --conditions=@latte-flow/source tooling/checkpoint/loading-memory.ts';
    await writeFile(OUT, `${JSON.stringify({ command, ...machine(), rule, checkpoint, cases: measured }, null, 2)}\n`);
    if (failed) process.exitCode = 1;
  } finally {
    await rm(root, { recursive: true });
  }
}

const [source, kind, location] = process.argv.slice(2);
await (location === undefined ? measureAll() : measureHere(source as Source, kind as Kind, location));
