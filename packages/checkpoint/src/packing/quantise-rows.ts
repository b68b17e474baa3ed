import { LatteFlowError } from '@latte-flow/core';

import { decodeFloat16, encodeFloat16 } from '../float16.ts';
import { GROUP_BYTES, GROUP_SIZE, rowsOf, type PackedBits } from './packed-bits.ts';

const MAX_INT8 = 127;
const MAX_INT4 = 7;
/** What the nibble of a zero is. */
const NIBBLE_ZERO = 8;
const MAX_HALF = 65504;

function largestOf(values: Float32Array, begin: number, end: number): number {
  let largest = 0;
  // Math.max keeps a NaN once it has met one.
  for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}

function requireHeld(largest: number, max: number, { name, dtype }: Packing): void {
  if (largest <= max) return;
  throw new LatteFlowError('checkpoint-mismatch', {
    where: 'quantise',
    expected: `tensor ${name} to have finite values that ${dtype} can hold`,
    got: `a largest magnitude of ${largest}`,
    remedy: 'Keep this tensor as float32: name it in dtype.',
    data: { tensor: name },
  });
}

/** A code for `value / scale`, within [-max, max]. */
function codeOf(value: number, scale: number, max: number): number {
  if (scale === 0) return 0;
  return Math.max(-max, Math.min(max, Math.round(value / scale)));
}

/** A tensor of zero codes that is being filled. */
export interface Packing extends PackedBits {
  readonly name: string;
}

function quantiseInt8(packing: Packing, firstRow: number, values: Float32Array): void {
  const { codes, scales, shape } = packing;
  const { columns } = rowsOf(shape);
  const bytes = new Int8Array(codes.buffer, codes.byteOffset, codes.length);
  for (let begin = 0, row = firstRow; begin < values.length; begin += columns, row++) {
    const largest = largestOf(values, begin, begin + columns);
    requireHeld(largest, Number.MAX_VALUE, packing);
    const scale = Math.fround(largest / MAX_INT8);
    scales![row] = scale;
    for (let i = 0; i < columns; i++) bytes[row * columns + i] = codeOf(values[begin + i]!, scale, MAX_INT8);
  }
}

const half = new Uint16Array(1);
const single = new Float32Array(1);

/** The half that is nearest to a scale: it is what the codes are made for. */
function toHalf(scale: number): number {
  single[0] = scale;
  encodeFloat16(single, half);
  return decodeFloat16(half, single)[0]!;
}

function quantiseInt4(packing: Packing, firstRow: number, values: Float32Array): void {
  const { codes, scales, shape } = packing;
  const { columns, groups } = rowsOf(shape);
  for (let rowBegin = 0, row = firstRow; rowBegin < values.length; rowBegin += columns, row++) {
    for (let group = 0; group < groups; group++) {
      const begin = rowBegin + group * GROUP_SIZE;
      const end = Math.min(begin + GROUP_SIZE, rowBegin + columns);
      const largest = largestOf(values, begin, end);
      requireHeld(largest, MAX_HALF * MAX_INT4, packing);
      const scale = toHalf(largest / MAX_INT4);
      const place = row * groups + group;
      scales![place] = scale;
      for (let i = 0; i < GROUP_BYTES; i++) {
        const [even, odd] = [begin + 2 * i, begin + 2 * i + 1];
        const low = NIBBLE_ZERO + (even < end ? codeOf(values[even]!, scale, MAX_INT4) : 0);
        const high = NIBBLE_ZERO + (odd < end ? codeOf(values[odd]!, scale, MAX_INT4) : 0);
        codes[place * GROUP_BYTES + i] = low | (high << 4);
      }
    }
  }
}

/**
 * Packs float32 rows into their place. float16 rounds to nearest, ties to even; int8 and int4 divide by the largest
 * magnitude of the row or group and round to nearest.
 * @throws LatteFlowError `checkpoint-mismatch` naming a tensor that the dtype cannot hold: infinite, NaN or too large
 */
export function quantiseRows(packing: Packing, firstRow: number, values: Float32Array): void {
  if (packing.dtype === 'int8') quantiseInt8(packing, firstRow, values);
  else if (packing.dtype === 'int4') quantiseInt4(packing, firstRow, values);
  else {
    const { codes, shape } = packing;
    requireHeld(largestOf(values, 0, values.length), MAX_HALF, packing);
    const halves = new Uint16Array(codes.buffer, codes.byteOffset, codes.length / 2);
    encodeFloat16(values, halves.subarray(firstRow * rowsOf(shape).columns));
  }
}
