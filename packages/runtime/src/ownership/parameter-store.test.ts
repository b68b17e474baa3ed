import { memory, setBackend, sum, tidy } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { randomPacked } from '../../../../tooling/test/packed-values.ts';
import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { isPacked, type PackedValues } from '../packed/packed-weight.ts';
import { ParameterStore, type ParameterValues } from './parameter-store.ts';

let before: number;
beforeEach(async () => {
  await bootBackend({ device: 'cpu' });
  await setBackend('cpu');
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
  expect(store.shape('weight')).toEqual([2, 2]);
  tidy(() => {
    expect(isPacked(store.weight('weight'))).toBe(false);
  });
  expect([...(await store.download()).get('weight')!.values]).toEqual([1, 2, 3, 4]);
});

webgpuTest(
  'on WebGPU they lie packed on the device, and are the float32 values where those are asked for',
  async () => {
    await bootBackend({ device: 'webgpu' });
    const packed = randomPacked('int4', { shape: [3, 40], stream: { seed: 6, image: 0 } });
    const found = new Map([['layer.weight', { shape: packed.shape }]]);
    using store = await ParameterStore.load(inTurn({ 'layer.weight': packed }), { where: 'test', found });
    const layer = store.scope('layer');
    expect(layer.weight('weight')).toMatchObject({ shape: [3, 40], format: 'int4' });
    expect(layer.weight('weight')).toBe(store.weight('layer.weight'));
    expect(layer.shape('weight')).toEqual([3, 40]);
    expect(store.bytes).toBe(packed.byteLength);
    const kept = memory().numTensors;
    const values = tidy(() => layer.get('weight'));
    expect(await values.data()).toEqual(packed.dequantise());
    values.dispose();
    expect((await store.download()).get('layer.weight')!.values).toEqual(packed.dequantise());
    expect(memory().numTensors).toBe(kept);
    store.dispose();
    expect(() => layer.weight('weight')).toThrow('disposed');
  },
);

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
