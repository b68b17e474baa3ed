import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { encodeSafetensors, parseSafetensors, type TensorView } from '@latte-flow/checkpoint';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { discoverFixtures } from './discover.ts';
import type { CheckLine } from './report.ts';
import { verifyFolders } from './verify.ts';

const tiny = fileURLToPath(new URL('../../../../test/fixtures/latte_flow/tiny', import.meta.url));
const heun = fileURLToPath(new URL('../../../../test/fixtures/schedulers/heun_shift3_n5.json', import.meta.url));

beforeAll(() => bootBackend({ device: 'wasm' }));
let root: string;
let fixture: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-verify-'));
  fixture = join(root, 'tiny');
  await cp(tiny, fixture, { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

async function verify(): Promise<CheckLine[]> {
  const before = memory().numTensors;
  const lines: CheckLine[] = [];
  await verifyFolders([root], { device: 'wasm', onLine: (line) => lines.push(line) });
  expect(memory().numTensors).toBe(before);
  return lines;
}

const failed = (lines: readonly CheckLine[]) =>
  lines.filter(({ status }) => status !== 'pass').map(({ quantity }) => quantity);

/** Writes the fixture's tensors anew with some changed. */
async function alter(change: (tensors: Map<string, TensorView>) => void): Promise<void> {
  const file = join(fixture, 'fixture.safetensors');
  const tensors = new Map(parseSafetensors(new Uint8Array(await readFile(file))).tensors);
  change(tensors);
  await writeFile(file, encodeSafetensors(tensors));
}

/** A copy of a tensor with its first value moved by 1. */
function nudged({ bytes, ...view }: TensorView): TensorView {
  const copy = new Uint8Array(bytes);
  const values = new DataView(copy.buffer);
  values.setFloat32(0, values.getFloat32(0, true) + 1, true);
  return { ...view, bytes: copy };
}

test.each([
  'group1.velocity',
  'group0.hidden.1',
  'group1.map.1',
  'sample.steps12.cfg3',
  'train.loss',
  'train.adamw_losses',
  'grad.head.bias',
])('a value of %s that is off fails that quantity alone', async (name) => {
  await alter((tensors) => tensors.set(name, nudged(tensors.get(name)!)));
  expect(failed(await verify())).toEqual([name]);
});

test('a missing tensor fails what needs it, with the reason, and the rest runs', async () => {
  await alter((tensors) => {
    for (const name of ['group0.t', 'group1.velocity', 'grad.head.bias', 'null.k.3']) tensors.delete(name);
  });
  const lines = await verify();
  expect(failed(lines)).toEqual(['group0', 'group1.velocity', 'sample', 'grad']);
  expect(lines.find(({ quantity }) => quantity === 'group0')!.message).toContain('a tensor group0.t');
  expect(lines.filter(({ status }) => status === 'pass').length).toBeGreaterThan(30);
});

test.each([
  ['a weight missing', () => alter((tensors) => void tensors.delete('param.head.bias')), 'head.bias'],
  ['tensors cut short', () => writeFile(join(fixture, 'fixture.safetensors'), 'x'), 'parseSafetensors'],
  ['no tensors', () => rm(join(fixture, 'fixture.safetensors')), 'no such file'],
  ['no config', () => rm(join(fixture, 'config.json')), 'no such file'],
  ['a config that is no JSON', () => writeFile(join(fixture, 'config.json'), '{'), 'config.json cannot be read'],
  ['a config without sizes', () => writeFile(join(fixture, 'config.json'), '{"kind":"latte_flow"}'), 'hidden_size'],
])('%s fails the fixture as a whole, and the next one runs', async (_, breakIt, message) => {
  await breakIt();
  await cp(heun, join(root, 'zoo.json'));
  const lines = await verify();
  const broken = lines.filter(({ fixture: path }) => path === fixture);
  expect(broken.map(({ quantity, status, error }) => ({ quantity, status, error }))).toContainEqual({
    quantity: '*',
    status: 'fail',
    error: null,
  });
  expect(broken.find(({ quantity }) => quantity === '*')!.message).toContain(message);
  const next = lines.filter(({ kind }) => kind === 'trajectory');
  expect(next.length).toBeGreaterThan(0);
  expect(failed(next)).toEqual([]);
});

test('an abort stops it with the signal’s reason', async () => {
  const signal = AbortSignal.abort();
  await expect(verifyFolders([root], { device: 'wasm', signal, onLine: () => undefined })).rejects.toBe(signal.reason);
});

test('finds fixtures by their content, once, in order', async () => {
  await mkdir(join(root, 'a', 'model'), { recursive: true });
  await writeFile(join(root, 'a', 'model', 'config.json'), '{"model_type":"qwen2_vl"}'); // no golden numbers
  await writeFile(join(root, 'a', 'notes.json'), '{"kind":"notes"}');
  await writeFile(join(root, 'a', 'odd.json'), '{"kind":"odd"}');
  await writeFile(join(root, 'a', 'summary.json'), '{}');
  await writeFile(join(root, 'a', 'torn.json'), '{"kind":');
  const found = await discoverFixtures([root, join(root, 'a')]);
  expect(found.map(({ path, kind }) => [path, kind])).toEqual([
    [join(root, 'a', 'odd.json'), 'odd'],
    [join(root, 'a', 'torn.json'), 'unknown'],
    [fixture, 'latte_flow'],
  ]);
  expect(found[1]!.problem).toContain('torn.json cannot be read');
});
