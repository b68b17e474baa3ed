import { elementCount, type Shape } from '@latte-flow/core';

import type { PackedDtype, WeightDtype } from './dtype-rules.ts';

/** Weights of a row that share a scale in int4. */
export const GROUP_SIZE = 32;
export const GROUP_BYTES = GROUP_SIZE / 2;

/**
 * The bits of a packed tensor. The first axis counts rows, what follows is one row:
 * - `float16`: `codes` are the values' bits, little-endian;
 * - `int8`: one signed byte a value, value = code * scale of its row, codes in [-127, 127];
 * - `int4`: 16 bytes a group of 32 values, value = (nibble - 8) * scale of its group, nibbles in [1, 15], the even value in
 *   the low half of its byte. A last group that is not full is filled with 8 (zero). Scales are halves, here widened.
 */
export interface PackedBits {
  readonly dtype: PackedDtype;
  readonly shape: Shape;
  readonly codes: Uint8Array;
  /** `[rows]` for int8, `[rows, groups]` for int4. */
  readonly scales?: Float32Array;
}

/** A shape as a matrix of rows; nothing has no rows, however long they would be. */
export function rowsOf(shape: Shape): { rows: number; columns: number; groups: number } {
  if (elementCount(shape) === 0) return { rows: 0, columns: 0, groups: 0 };
  const rows = shape[0] ?? 1;
  const columns = elementCount(shape.slice(1));
  return { rows, columns, groups: Math.ceil(columns / GROUP_SIZE) };
}

/** Bytes of `codes`, and values of `scales`. */
export function packedSize(dtype: PackedDtype, shape: Shape): { codes: number; scales: number } {
  const { rows, columns, groups } = rowsOf(shape);
  if (dtype === 'float16') return { codes: 2 * rows * columns, scales: 0 };
  if (dtype === 'int8') return { codes: rows * columns, scales: rows };
  return { codes: rows * groups * GROUP_BYTES, scales: rows * groups };
}

/** Bytes of a tensor in a file, scales included. */
export function storedBytes(dtype: WeightDtype, shape: Shape): number {
  if (dtype === 'float32') return 4 * elementCount(shape);
  const { codes, scales } = packedSize(dtype, shape);
  return codes + scales * (dtype === 'int4' ? 2 : 4);
}
