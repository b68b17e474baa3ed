import { memory, setBackend, sum, tidy } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { bootBackend } from '../node.ts';
import type { PackedValues } from '../packed/packed-weight.ts';
import { ParameterStore, type ParameterValues } from './parameter-store.ts';

beforeAll(async () => {
  await bootBackend({ device: 'cpu' });
  await setBackend('cpu');
});

let before: number;
beforeEach(() => {
  before = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(before));

const weight: PackedValues = {
  shape: [2, 2],
  dtype: 'int4',
  codes: new Uint8Array(),
  byteLength: 3,
  dequantise: () => new Float32Array([1, 2, 3, 4]),
};
const norm: ParameterValues = { shape: [2], values: new Float32Array([5, 6]) };

async function* inTurn(entries: Readonly<Record<string, PackedValues | ParameterValues>>) {
  yield* Object.entries(entries);
}
const shapes = new Map([
  ['norm', [2]],
  ['weight', [2, 2]],
]);
const found = new Map([...shapes].map(([name, shape]) => [name, { shape }]));
const load = (options: { trainable?: boolean; expected?: ReadonlyMap<string, readonly number[]> } = {}) =>
  ParameterStore.load(inTurn({ norm, weight }), { where: 'test', found, ...options });

test('packed parameters are float32 inside a tidy, and gone after it', async () => {
  using store = await load();
  const kept = memory().numTensors;
  const total = tidy(() => sum(store.get('weight')));
  expect((await total.data())[0]).toBe(10);
  total.dispose();
  expect(memory().numTensors).toBe(kept);
  expect(store.names()).toEqual(['norm', 'weight']);
  expect(store.has('weight')).toBe(true);
  expect(store.bytes).toBe(8 + 3);
  expect([...(await store.download()).get('weight')!.values]).toEqual([1, 2, 3, 4]);
});

test('refused: packed parameters that are to be trained or listed', async () => {
  await expect(load({ trainable: true })).rejects.toThrow(
    'test: expected parameters in float32, got the packed weight',
  );
  using store = await load();
  expect(() => store.entries()).toThrow('the packed weight');
  expect(() => store.variables()).toThrow('the packed weight');
});

test('names and shapes are compared before anything is read; a failure on the way leaves nothing', async () => {
  await expect(load({ expected: new Map([...shapes, ['weight', [2, 3]]]) })).rejects.toThrow(
    'test: expected weight of shape [2, 3], got [2, 2]',
  );
  let reads = 0;
  async function* failing() {
    reads += 1;
    yield ['norm', norm] as const;
    throw new Error('cut');
  }
  const loading = (expected: typeof shapes) => ParameterStore.load(failing(), { where: 'test', found, expected });
  await expect(loading(new Map([['norm', [2]]]))).rejects.toThrow('also weight');
  expect(reads).toBe(0);
  await expect(loading(shapes)).rejects.toThrow('cut');
});
