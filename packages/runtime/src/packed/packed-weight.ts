import { elementCount, type Shape } from '@latte-flow/core';
import { keep, tensor, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

import { uploadNow } from '../webgpu/direct-upload.ts';

export const packedFormats = ['float16', 'int8', 'int4'] as const;
export type PackedFormat = (typeof packedFormats)[number];

/**
 * One parameter on the host in fewer bits, as `readTensors` of @latte-flow/checkpoint gives it. The first axis counts rows,
 * what follows is one row:
 * - `float16`: `codes` are the values' bits, little-endian;
 * - `int8`: one signed byte a value, value = code * scale of its row;
 * - `int4`: 16 bytes a group of 32 values of a row, value = (nibble - 8) * scale of its group, the even value in the low
 *   half of its byte; a last group that is not full is filled with 8.
 */
export interface PackedValues {
  readonly shape: Shape;
  readonly dtype: PackedFormat;
  readonly codes: Uint8Array;
  /** `[rows]` for int8, `[rows, groups]` for int4. */
  readonly scales?: Float32Array;
  /** Of codes and scales. */
  readonly byteLength: number;
  /** The float32 values, row-major, in new memory. */
  dequantise(): Float32Array;
}

/** A constant weight on a WebGPU device in fewer bits, which kernels read as it is. Its codes mean what they do on the host. */
export interface PackedWeight {
  readonly shape: Shape;
  readonly format: PackedFormat;
  /** `[rows, words]`: the codes of each row, padded with zeros to whole vectors of 4 words, as raw bits. */
  readonly codes: Tensor2D;
  /** float32, `[rows]` for int8, `[rows, words / 4]` for int4: a group of 32 values is 4 words. */
  readonly scales?: Tensor;
}

/** What a product takes as its weight: a float32 tensor, or a packed one. */
export type Weight = Tensor | PackedWeight;

export function isPacked(weight: Weight): weight is PackedWeight {
  return 'codes' in weight;
}

/** A shape as a matrix of rows. */
export function matrixOf(shape: Shape): { readonly rows: number; readonly columns: number } {
  return { rows: shape[0] ?? 1, columns: elementCount(shape.slice(1)) };
}

/** Bytes of a row's codes on the device are a multiple of this, so that they can be read as `vec4u`. */
const ROW_ALIGNMENT = 16;

/** Codes as words, each row from a multiple of 16 bytes on: a view where they lie so already, else a copy. */
function alignedRows(codes: Uint8Array, rows: number): Int32Array {
  const bytes = codes.length / rows;
  const stride = Math.ceil(bytes / ROW_ALIGNMENT) * ROW_ALIGNMENT;
  if (stride === bytes && codes.byteOffset % 4 === 0) {
    return new Int32Array(codes.buffer, codes.byteOffset, codes.length / 4);
  }
  const aligned = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) aligned.set(codes.subarray(row * bytes, (row + 1) * bytes), row * stride);
  return new Int32Array(aligned.buffer);
}

/**
 * Copies packed values to the WebGPU device as they are, where the current backend must be. Not for empty ones.
 * @returns what `disposePacked` frees; no `tidy` does
 */
export function uploadPacked({ shape, dtype, codes, scales }: PackedValues): PackedWeight {
  const { rows } = matrixOf(shape);
  const words = alignedRows(codes, rows);
  const weight: PackedWeight = {
    shape: [...shape],
    format: dtype,
    codes: keep(tensor(words, [rows, words.length / rows], 'int32')) as Tensor2D,
    ...(scales === undefined
      ? {}
      : { scales: keep(tensor(scales, dtype === 'int8' ? [rows] : [rows, scales.length / rows], 'float32')) }),
  };
  for (const part of packedParts(weight)) uploadNow(part);
  return weight;
}

/** The tensors of a packed weight, in the order in which programs take them. */
export function packedParts({ codes, scales }: PackedWeight): Tensor[] {
  return scales === undefined ? [codes] : [codes, scales];
}

export function packedBytes(weight: PackedWeight): number {
  return packedParts(weight).reduce((sum, { size }) => sum + 4 * size, 0);
}

export function disposePacked(weight: PackedWeight): void {
  for (const part of packedParts(weight)) part.dispose();
}
