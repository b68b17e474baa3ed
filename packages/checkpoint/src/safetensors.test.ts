import { describe, expect, test } from 'vitest';

import { LatteFlowError, uniformNoise } from '@latte-flow/core';

import { encodeSafetensors } from './encode.ts';
import { MAX_HEADER_BYTES } from './header.ts';
import { parseSafetensors } from './safetensors.ts';
import { toFloat32, toIntegers } from './values.ts';

/** A file of the given header text (or bytes) and so many bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const entry = (dtype: unknown, shape: unknown, range: unknown) => ({ dtype, shape, data_offsets: range });
const withLength = (length: bigint) => {
  const file = fileOf('{}');
  new DataView(file.buffer).setBigUint64(0, length, true);
  return file;
};

const example = () =>
  encodeSafetensors(
    [
      ['mask', { shape: [3], values: new Uint8Array([1, 0, 1]) }],
      ['b', { shape: [2, 2], values: new Float32Array([1, -2, 3.5, 0]) }],
      ['ids', { shape: [2], values: new BigInt64Array([-7n, 9n]) }],
      ['a', { shape: [], values: new Int32Array([42]) }],
      ['empty', { shape: [0, 4], values: new Float32Array(0) }],
    ],
    { metadata: { format: 'pt', made: 'here' } },
  );

describe('round trip', () => {
  test('keeps values, shapes, dtypes and metadata, without copying', () => {
    const file = example();
    const { tensors, metadata } = parseSafetensors(file);
    expect(metadata).toEqual({ format: 'pt', made: 'here' });
    expect([...tensors.keys()].sort()).toEqual(['a', 'b', 'empty', 'ids', 'mask']);
    expect(toFloat32(tensors.get('b')!)).toEqual(new Float32Array([1, -2, 3.5, 0]));
    expect(toFloat32(tensors.get('b')!).buffer).toBe(file.buffer);
    expect(toIntegers(tensors.get('a')!)).toEqual(new Int32Array([42]));
    expect(toIntegers(tensors.get('ids')!)).toEqual(new Int32Array([-7, 9]));
    expect(toIntegers(tensors.get('mask')!)).toEqual(new Int32Array([1, 0, 1]));
    expect(tensors.get('empty')).toMatchObject({ dtype: 'F32', shape: [0, 4] });
    expect(encodeSafetensors(tensors, { metadata })).toEqual(file);
  });

  test('reads a file that lies at an odd place of its buffer', () => {
    const file = example();
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    expect(toFloat32(parseSafetensors(shifted.subarray(3)).tensors.get('b')!)).toEqual(
      new Float32Array([1, -2, 3.5, 0]),
    );
  });

  test('the same tensors in another order give the same bytes, the header a multiple of 8', () => {
    const tensors = [...parseSafetensors(example()).tensors];
    const written = encodeSafetensors(tensors.toReversed(), { metadata: { made: 'here', format: 'pt' } });
    expect(written).toEqual(example());
    expect(new DataView(written.buffer).getUint32(0, true) % 8).toBe(0);
  });

  test('stores float32 as float16 where asked', () => {
    const file = encodeSafetensors([['x', { shape: [3], values: new Float32Array([0.1, -65504, 1e-7]) }]], {
      dtype: 'float16',
    });
    const view = parseSafetensors(file).tensors.get('x')!;
    expect(view).toMatchObject({ dtype: 'F16', shape: [3] });
    expect(toFloat32(view)).toEqual(new Float32Array([0.0999755859375, -65504, 2 ** -23]));
  });

  test('names are any strings, numbers and __proto__ among them', () => {
    const values = new Float32Array([1]);
    const names = ['10', '9', '__proto__', 'ü"\\', ''];
    const file = encodeSafetensors(names.map((name) => [name, { shape: [1], values }]));
    expect([...parseSafetensors(file).tensors.keys()].sort()).toEqual(names.sort());
  });

  test('a file of no tensors', () => {
    expect(parseSafetensors(fileOf('{}')).tensors.size).toBe(0);
  });
});

describe('refuses a damaged file', () => {
  const two = (first: unknown, second: unknown, bytes: number) => fileOf(JSON.stringify({ first, second }), bytes);
  const one = (value: unknown, bytes = 0) => fileOf(JSON.stringify({ x: value }), bytes);
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'at least 8 bytes'],
    ['7 bytes', new Uint8Array(7), 'at least 8 bytes'],
    ['a header longer than the file', withLength(3n), 'expected a header of 3 bytes, got 2 bytes'],
    ['a header over the limit', withLength(BigInt(MAX_HEADER_BYTES + 1)), 'at most 100000000 bytes'],
    ['a header of 4 GB', withLength(2n ** 32n + 2n), 'at most 100000000 bytes'],
    ['a header of 2^63 bytes', withLength(2n ** 63n), 'at most 100000000 bytes'],
    ['a file cut short', example().subarray(0, -1), 'tensor "mask"'],
    ['bytes after the end', one(entry('U8', [1], [0, 1]), 2), 'the data to end with tensor "x" at byte 1'],
    ['data of no tensor', fileOf('{}', 4), 'the data to end with the header'],
    ['bytes that are not UTF-8', fileOf(new Uint8Array([0x7b, 0xff, 0x7d])), 'JSON in UTF-8'],
    ['a byte order mark', fileOf('\ufeff{}'), 'JSON in UTF-8'],
    ['half a JSON text', fileOf('{"x":'), 'JSON in UTF-8'],
    ['a list', fileOf('[]'), 'one JSON object'],
    ['space before the object', fileOf(' {}'), 'one JSON object'],
    ['a tensor twice', fileOf('{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0078":{}}'), '"x" twice'],
    ['a field twice', fileOf('{"x":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'), '"dtype" twice'],
    ['metadata of numbers', fileOf('{"__metadata__":{"a":1}}'), '__metadata__'],
    ['a tensor that is a number', one(3), 'tensor "x"'],
    ['an unknown dtype', one(entry('F8_E4M3', [1], [0, 1]), 1), 'tensor "x" to have a dtype'],
    ['a dtype from the prototype', one(entry('toString', [1], [0, 1]), 1), 'tensor "x" to have a dtype'],
    ['a negative size', one(entry('U8', [-1], [0, 1]), 1), 'tensor "x" to have a shape'],
    ['a fractional size', one(entry('U8', [0.5], [0, 1]), 1), 'tensor "x" to have a shape'],
    ['begin after end', one(entry('U8', [1], [1, 0]), 1), 'begin <= end'],
    ['three offsets', one(entry('U8', [1], [0, 1, 1]), 1), 'data_offsets of two integers'],
    ['an end outside the file', one(entry('U8', [2], [0, 2]), 1), "within the file's 1 bytes"],
    ['a range of another size', one(entry('F32', [2], [0, 4]), 4), 'tensor "x" to have 8 bytes (F32 [2])'],
    ['a size beyond all numbers', one(entry('U8', [2 ** 52, 2 ** 52], [0, 1]), 1), 'tensor "x" to have'],
    [
      'an overlap',
      two(entry('U8', [2], [0, 2]), entry('U8', [2], [1, 3]), 3),
      'tensor "second" to begin at byte 2, got an overlap',
    ],
    [
      'a gap',
      two(entry('U8', [1], [0, 1]), entry('U8', [1], [2, 3]), 3),
      'tensor "second" to begin at byte 1, got a gap',
    ],
  ])('%s', (_, file, message) => {
    const attempt = () => parseSafetensors(file);
    expect(attempt).toThrow(LatteFlowError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: 'checkpoint-invalid' }));
  });

  test('any mutation gives tensors or a LatteFlowError, nothing else', () => {
    const original = example();
    const rounds = 4000;
    const random = uniformNoise(rounds * 9, { seed: 11 });
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < rounds; round++) {
      const at = (i: number) => random[round * 9 + i]!;
      const length = at(0) < 0.8 ? original.length : Math.floor(at(1) * original.length);
      const file = original.slice(0, length);
      for (let edit = 0; edit < Math.floor(at(2) * 4); edit++) {
        // Low half of the edits fall on the length and the header, where they matter most.
        const place = Math.floor(at(3 + edit) * (at(8) < 0.5 ? 24 : length));
        if (place < length) file[place] = Math.floor(at(6 + (edit % 2)) * 256);
      }
      try {
        for (const view of parseSafetensors(file).tensors.values()) void view.bytes.length;
        outcomes.read++;
      } catch (error) {
        if (!LatteFlowError.isInstance(error) || error.code !== 'checkpoint-invalid') throw error;
        outcomes.refused++;
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});

describe('refuses to encode', () => {
  const values = new Float32Array(2);
  test.each<[string, Parameters<typeof encodeSafetensors>[0], string]>([
    ['a shape that does not fit', [['x', { shape: [3], values }]], 'tensor "x" of shape [3] to have 3 values, got 2'],
    [
      'a view that does not fit',
      [['x', { dtype: 'F32', shape: [1], bytes: new Uint8Array(3) }]],
      'to have 4 bytes, got 3',
    ],
    [
      'a name twice',
      [
        ['x', { shape: [2], values }],
        ['x', { shape: [2], values }],
      ],
      'names that differ',
    ],
    ['the reserved name', [['__metadata__', { shape: [2], values }]], 'names that differ'],
    ['a negative size', [['x', { shape: [-2, -1], values }]], 'every size of x to be an integer >= 0'],
  ])('%s', (_, tensors, message) => {
    expect(() => encodeSafetensors(tensors)).toThrow(message);
  });
});
