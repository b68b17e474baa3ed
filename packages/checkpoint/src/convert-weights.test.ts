import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { normalNoise } from '@latte-flow/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { convertWeights } from './convert-weights.ts';
import { encodeWeights } from './encode-weights.ts';
import { openFileStore } from './file-store.ts';
import { writeFolder, type FileContent } from './node/index.ts';
import { openWeights } from './open-weights.ts';
import { weightDtypes, type DtypeRules } from './packing/dtype-rules.ts';
import type { HostTensor } from './packing/packed-tensor.ts';
import { readTensors } from './read-tensors.ts';
import { toFloat32 } from './values.ts';
import { readWeights } from './weights.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-convert-'));
});
afterEach(() => rm(root, { recursive: true }));

const at = (name: string): string => join(root, name);
const source = [
  ['a.weight', { shape: [3, 50], values: normalNoise(150, { seed: 5 }) }],
  ['b.weight', { shape: [4, 2, 16], values: normalNoise(128, { seed: 6 }) }],
  ['b.bias', { shape: [5], values: normalNoise(5, { seed: 7 }) }],
  ['ids', { shape: [3], values: new Int32Array([1, 2, 3]) }],
] as const;

async function writeSource(): Promise<void> {
  await writeFolder(at('source'), { ...Object.fromEntries(encodeWeights(source)), 'config.json': '{"width":3}' });
}

/** Opens a folder, converts it into another. */
async function convert(from: string, to: string, options: { dtype: DtypeRules; maxShardBytes?: number }) {
  const weights = await openWeights(await openFileStore(at(from)));
  try {
    const { files, config } = convertWeights(weights.tensors, options);
    await writeFolder(at(to), new Map<string, FileContent>([...files, ['config.json', JSON.stringify(config)]]));
  } finally {
    await weights.close();
  }
}

/** Floating-point tensors as they are read with a dtype. */
async function read(folder: string, dtype?: DtypeRules): Promise<Map<string, HostTensor>> {
  const weights = await openWeights(await openFileStore(at(folder)));
  try {
    const tensors = new Map<string, HostTensor>();
    const floating = [...weights.tensors].filter(([, tensor]) => tensor.dtype !== 'I32');
    for await (const [name, tensor] of readTensors(floating, { dtype })) tensors.set(name, tensor);
    return new Map([...tensors].sort(([a], [b]) => (a < b ? -1 : 1)));
  } finally {
    await weights.close();
  }
}

describe.each(weightDtypes)('%s', (dtype) => {
  test.each([5e9, 100])(
    'what is written in shards of %d bytes reads as if it were quantised while loading',
    async (maxShardBytes) => {
      await writeSource();
      await convert('source', 'target', { dtype, maxShardBytes });
      expect(await read('target', dtype)).toEqual(await read('source', dtype));
      expect((await readdir(at('target'))).includes('model.safetensors.index.json')).toBe(maxShardBytes === 100);
      expect((await readWeights(await openFileStore(at('target')))).get('ids')!.dtype).toBe('I32');
    },
  );

  test('converting again to the same changes no byte, and to float32 gives what it stands for', async () => {
    await writeSource();
    await convert('source', 'one', { dtype });
    await convert('one', 'two', { dtype });
    const bytes = async (folder: string) => (await openFileStore(at(folder))).read('model.safetensors');
    expect(Buffer.compare(await bytes('one'), await bytes('two'))).toBe(0);
    await convert('one', 'wide', { dtype: 'float32' });
    expect(await read('wide')).toEqual(await read('one', 'float32'));
    const values = [...(await readWeights(await openFileStore(at('one'))))].filter(([name]) => name !== 'ids');
    for (const [name, view] of values) {
      if (view.dtype === 'F32')
        expect({ shape: view.shape, values: toFloat32(view) }).toEqual((await read('wide')).get(name));
    }
  });
});

test('packed weights stay packed unless another dtype is asked for', async () => {
  await writeSource();
  await convert('source', 'mixed', { dtype: { 'a.*': 'int4', '*': 'int8' } });
  const kinds = [...(await read('mixed'))].map(([name, tensor]) => [
    name,
    'codes' in tensor ? tensor.dtype : 'float32',
  ]);
  expect(kinds).toEqual([
    ['a.weight', 'int4'],
    ['b.bias', 'float32'],
    ['b.weight', 'int8'],
  ]);
});

test.each<[string, object, string, string]>([
  ['another tool', { quant_method: 'gptq', bits: 4 }, 'unsupported', 'got quant_method "gptq"'],
  ['no method', {}, 'unsupported', 'quant_method undefined'],
  ['no tensors', { quant_method: 'latte-flow' }, 'checkpoint-invalid', 'quantization_config.tensors'],
  [
    'another dtype',
    { quant_method: 'latte-flow', tensors: { 'a.weight': { dtype: 'int2', shape: [3, 50] } } },
    'checkpoint-invalid',
    'for "a.weight", got "int2", [3, 50]',
  ],
  [
    'a tensor that is not there',
    { quant_method: 'latte-flow', tensors: { none: { dtype: 'int8', shape: [3, 50] } } },
    'checkpoint-invalid',
    'tensor "none" of I8 [3, 50], as quantization_config says, got none',
  ],
  [
    'another shape',
    { quant_method: 'latte-flow', tensors: { 'a.weight': { dtype: 'int4', shape: [3, 70] } } },
    'checkpoint-invalid',
    'tensor "a.weight" of U8 [3, 3, 16], as quantization_config says, got U8 [3, 2, 16]',
  ],
])('refuses a quantization_config of %s', async (_, quantization, code, message) => {
  await writeSource();
  await convert('source', 'target', { dtype: 'int4' });
  const store = await openFileStore(at('target'));
  const config = new TextEncoder().encode(JSON.stringify({ quantization_config: quantization }));
  const changed = { ...store, read: async (path: string) => (path === 'config.json' ? config : store.read(path)) };
  await expect(openWeights(changed)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test('refuses a name that the scales would take, and a wrong size of shard', async () => {
  await writeFolder(
    at('source'),
    encodeWeights([source[0], ['a.weight.scale', { shape: [1], values: new Float32Array(1) }]]),
  );
  await expect(convert('source', 'target', { dtype: 'int8' })).rejects.toThrow('"a.weight.scale" twice');
  await expect(convert('source', 'target', { dtype: 'int8', maxShardBytes: 0 })).rejects.toThrow('maxShardBytes');
  expect(await readdir(root)).toEqual(['source']);
});
