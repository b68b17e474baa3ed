import { describe, expect, test } from 'vitest';

import { decodeBfloat16, decodeFloat16, encodeFloat16 } from './float16.ts';
import type { TensorView } from './safetensors.ts';
import { float32Tensors, toFloat32, toIntegers } from './values.ts';

const viewOf = (dtype: TensorView['dtype'], array: ArrayBufferView & { length: number }): TensorView => ({
  dtype,
  shape: [array.length],
  bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
});

describe('float16', () => {
  const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i);

  test('every half survives the round trip', () => {
    const wide = decodeFloat16(all);
    const back = encodeFloat16(wide);
    const wrong = [...all].filter((half, i) => back[i] !== half && !Number.isNaN(wide[i]));
    expect(wrong).toEqual([]);
    expect([...all].filter((_, i) => Number.isNaN(wide[i])).length).toBe(2 * 1023);
    expect([...encodeFloat16(new Float32Array([Number.NaN]))]).toEqual([0x7e00]);
  });

  test('agrees with the values of the standard', () => {
    expect([
      ...decodeFloat16(new Uint16Array([0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00])),
    ]).toEqual([2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, -2, 65504, Infinity, -Infinity]);
  });

  test('rounds to nearest, ties to even, between every two neighbours', () => {
    const positive = decodeFloat16(all.subarray(0, 0x7c00));
    const middles = Float32Array.from({ length: 0x7bff }, (_, i) => (positive[i]! + positive[i + 1]!) / 2);
    const bits = new Uint32Array(middles.buffer);
    const rounded = encodeFloat16(middles);
    const above = encodeFloat16(new Float32Array(bits.map((word) => word + 1).buffer));
    const below = encodeFloat16(new Float32Array(bits.map((word) => word - 1).buffer));
    for (let i = 0; i < middles.length; i++) {
      if (rounded[i] !== i + (i & 1) || above[i] !== i + 1 || below[i] !== i) throw new Error(`wrong at half ${i}`);
    }
  });

  test('overflow is infinity from 65520 on', () => {
    const values = new Float32Array([65519.99, 65520, -65520, 1e38, 2 ** -25, 2 ** -25 * 1.0001, -(2 ** -30)]);
    expect([...encodeFloat16(values)]).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00, 0, 1, 0x8000]);
  });
});

test('bfloat16 is the high half of float32', () => {
  expect([...decodeBfloat16(new Uint16Array([0x3f80, 0xc040, 0x7f80]))]).toEqual([1, -3, Infinity]);
});

test('toFloat32 widens and rounds', () => {
  expect([...toFloat32(viewOf('F16', new Uint16Array([0x3c00, 0xc000])))]).toEqual([1, -2]);
  expect([...toFloat32(viewOf('BF16', new Uint16Array([0x3f80])))]).toEqual([1]);
  expect([...toFloat32(viewOf('F64', new Float64Array([0.1])))]).toEqual([Math.fround(0.1)]);
  expect(() => toFloat32(viewOf('I32', new Int32Array([1])), { name: 'ids' })).toThrow(
    'toFloat32: expected tensor "ids" of F32, F16',
  );
});

test('toIntegers reads every integer dtype', () => {
  expect([...toIntegers(viewOf('I8', new Int8Array([-1])))]).toEqual([-1]);
  expect([...toIntegers(viewOf('I16', new Int16Array([-300])))]).toEqual([-300]);
  expect([...toIntegers(viewOf('U16', new Uint16Array([65535])))]).toEqual([65535]);
  expect([...toIntegers(viewOf('U32', new Uint32Array([7])))]).toEqual([7]);
  expect([...toIntegers(viewOf('U64', new BigUint64Array([7n])))]).toEqual([7]);
  expect(() => toIntegers(viewOf('I64', new BigInt64Array([2n ** 40n])))).toThrow(
    'of values in 32 bits, got 1099511627776 at 0',
  );
  expect(() => toIntegers(viewOf('F16', new Uint16Array(1)))).toThrow('of integers or booleans, got F16');
});

test('a misaligned tensor in a Node Buffer is copied to where it can be read', () => {
  const file = Buffer.alloc(9);
  file.writeFloatLE(1.5, 1);
  file.writeFloatLE(-2, 5);
  expect([...toFloat32({ dtype: 'F32', shape: [2], bytes: file.subarray(1) })]).toEqual([1.5, -2]);
});

test('tensors by name become float32 as they are reached', () => {
  const weights = new Map([
    ['a', viewOf('F16', new Uint16Array([0x3c00]))],
    ['b', viewOf('I32', new Int32Array([1]))],
  ]);
  const tensors = float32Tensors(weights);
  expect(tensors.next().value).toEqual(['a', { shape: [1], values: new Float32Array([1]) }]);
  expect(() => tensors.next()).toThrow('"b"');
});
