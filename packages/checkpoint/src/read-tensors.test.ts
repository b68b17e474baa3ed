import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { normalNoise } from '@latte-flow/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { encodeWeights } from './encode-weights.ts';
import { openFileStore } from './file-store.ts';
import { encodeFloat16 } from './float16.ts';
import { writeFolder } from './node/index.ts';
import { openWeights } from './open-weights.ts';
import type { DtypeRules } from './packing/dtype-rules.ts';
import { PackedTensor, type HostTensor } from './packing/packed-tensor.ts';
import { readTensors } from './read-tensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latte-tensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

const noise = (count: number, image: number) => normalNoise(count, { seed: 5, image });
/** Rows of a length that int4 groups do not divide; one that is longer than a block; halves; a norm. */
const source = {
  'a.weight': { shape: [3, 50], values: noise(150, 0) },
  'b.weight': { shape: [2, 700_000], values: noise(1_400_000, 1) },
  'c.weight': { shape: [5, 2, 16], values: noise(160, 2) },
  'norm.weight': { shape: [7], values: noise(7, 3) },
};

async function read(dtype?: DtypeRules, tensors: Parameters<typeof encodeWeights>[0] = Object.entries(source)) {
  await writeFolder(folder, encodeWeights(tensors, { maxShardBytes: 1000 }));
  const weights = await openWeights(await openFileStore(folder));
  try {
    const found = new Map<string, HostTensor>();
    for await (const [name, tensor] of readTensors(weights.tensors, { dtype })) found.set(name, tensor);
    return found;
  } finally {
    await weights.close();
  }
}

const valuesOf = (tensor: HostTensor): Float32Array => ('codes' in tensor ? tensor.dequantise() : tensor.values);

/** The definition, value by value: code * scale, the scale of the largest magnitude in the row or group. */
function expected(values: Float32Array, { columns, group, max }: { columns: number; group: number; max: number }) {
  return values.map((value, i) => {
    const column = i % columns;
    const begin = i - (column % group);
    const members = values.subarray(begin, Math.min(begin + group, i - column + columns));
    const exact = Math.max(...Array.from(members, Math.abs)) / max;
    const bits = encodeFloat16(new Float32Array([exact]))[0]!;
    const half = 2 ** ((bits >> 10) - 25) * (1024 + (bits & 1023));
    const scale = max === 7 ? half : Math.fround(exact);
    return Math.round(value / scale) * scale + 0; // no negative zero
  });
}

test('float32 as it is, in the order of the files', async () => {
  const tensors = await read();
  expect([...tensors.keys()].sort()).toEqual(Object.keys(source));
  for (const [name, { shape, values }] of Object.entries(source)) expect(tensors.get(name)).toEqual({ shape, values });
});

describe.each([
  ['int8', { group: Infinity, max: 127 }],
  ['int4', { group: 32, max: 7 }],
] as const)('%s', (dtype, { group, max }) => {
  test.each(['a.weight', 'c.weight'] as const)('%s equals the definition', async (name) => {
    const { shape, values } = source[name];
    const columns = values.length / shape[0]!;
    const packed = (await read(dtype)).get(name)!;
    expect(packed).toMatchObject({ dtype, shape });
    expect(valuesOf(packed)).toEqual(expected(values, { columns, group: Math.min(group, columns), max }));
  });

  test('a row longer than a block is off by half a step at most; norms stay', async () => {
    const tensors = await read(dtype);
    const [got, { values }] = [valuesOf(tensors.get('b.weight')!), source['b.weight']];
    const largest = (row: Float32Array): number => row.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const off = got.map((value, i) => value - values[i]!);
    for (const begin of [0, 700_000]) {
      const step = largest(values.subarray(begin, begin + 700_000)) / max;
      expect(largest(off.subarray(begin, begin + 700_000))).toBeLessThan(0.51 * step);
    }
    expect(tensors.get('norm.weight')).toEqual(source['norm.weight']);
  });

  test('zeros stay zero, what is not finite is refused by name', async () => {
    const zeros = { shape: [2, 3], values: new Float32Array(6) };
    expect(valuesOf((await read(dtype, [['zero', zeros]])).get('zero')!)).toEqual(zeros.values);
    for (const bad of [Number.NaN, Infinity]) {
      const values = new Float32Array([1, 2, bad, 4]);
      await expect(read(dtype, [['bad.weight', { shape: [2, 2], values }]])).rejects.toThrow('tensor bad.weight');
    }
  });
});

test('float16 halves, from float32 and from halves alike', async () => {
  const { values, shape } = source['a.weight'];
  const codes = new Uint8Array(encodeFloat16(values).buffer);
  expect((await read('float16')).get('a.weight')).toEqual(new PackedTensor({ dtype: 'float16', shape, codes }));
  const stored = await read('float16', [['h', { dtype: 'F16', shape, bytes: codes }]]);
  expect(stored.get('h')).toEqual(new PackedTensor({ dtype: 'float16', shape, codes }));
});

test('float16 refuses what it cannot hold, by name', async () => {
  const values = new Float32Array([1, 2, 70000, 4]);
  await expect(read('float16', [['big.weight', { shape: [2, 2], values }]])).rejects.toThrow(
    'tensor big.weight to have finite values that float16 can hold, got a largest magnitude of 70000',
  );
});

test('patterns choose, the first that matches counts', async () => {
  const tensors = await read({ 'a.*': 'int4', '*.weight': 'int8', 'b*': 'float16' });
  expect([...tensors].map(([name, tensor]) => [name, 'codes' in tensor ? tensor.dtype : 'float32']).sort()).toEqual([
    ['a.weight', 'int4'],
    ['b.weight', 'int8'],
    ['c.weight', 'int8'],
    ['norm.weight', 'float32'],
  ]);
  await expect(read('int5' as 'int4')).rejects.toThrow('one of float32, float16, int8, int4, got "int5"');
  await expect(read({ a: 'x' as 'int4' })).rejects.toThrow('dtype of a');
  await expect(read([] as unknown as 'int4')).rejects.toThrow('an object of such by pattern');
});

test('integers are refused by name', async () => {
  const ids = [['ids', { shape: [2], values: new Int32Array(2) }]] as const;
  await expect(read('int8', ids)).rejects.toThrow('tensor ids of F32, F16, BF16 or F64, got I32');
});
