import { elementCount, LatteFlowError, throwIfAborted } from '@latte-flow/core';

import { DTYPE_BYTES, type Dtype } from '../dtype.ts';
import { decodeBfloat16, decodeFloat16 } from '../float16.ts';
import type { RangeOptions } from '../ranged-file.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import { dequantiseRows } from './dequantise-rows.ts';
import { rowsOf } from './packed-bits.ts';
import { readPacked } from './read-packed.ts';

/** Values that are converted at a time. */
const BLOCK_VALUES = 2 ** 20;

const widen: Partial<Record<Dtype, (bytes: ArrayBuffer, out: Float32Array) => void>> = {
  F32: (bytes, out) => out.set(new Float32Array(bytes, 0, out.length)),
  F16: (bytes, out) => void decodeFloat16(new Uint16Array(bytes, 0, out.length), out),
  BF16: (bytes, out) => void decodeBfloat16(new Uint16Array(bytes, 0, out.length), out),
  F64: (bytes, out) => out.set(new Float64Array(bytes, 0, out.length)),
};

/** True for tensors that can be read as float32. */
export function isFloating({ dtype }: StoredTensor): boolean {
  return dtype === 'int8' || dtype === 'int4' || dtype in widen;
}

/** How many rows a block holds: as many as fit, at least one. */
function blockRows({ shape }: StoredTensor): number {
  return Math.max(1, Math.floor(BLOCK_VALUES / Math.max(1, rowsOf(shape).columns)));
}

/**
 * A tensor's values as float32, block by block: whole rows, at most a million values unless one row is longer. `values`
 * is overwritten by the next block.
 * @throws LatteFlowError `checkpoint-mismatch` for integers and booleans
 */
export async function* floatBlocks(
  stored: StoredTensor,
  { name, signal }: RangeOptions & { readonly name: string },
): AsyncGenerator<{ readonly firstRow: number; readonly values: Float32Array }> {
  const { dtype, shape, data } = stored;
  const { rows, columns } = rowsOf(shape);
  if (elementCount(shape) === 0) return;
  const perBlock = Math.min(rows, blockRows(stored));
  const block = new Float32Array(perBlock * columns);
  const valuesOf = (firstRow: number) => block.subarray(0, Math.min(perBlock, rows - firstRow) * columns);
  if (dtype === 'int8' || dtype === 'int4') {
    const packed = await readPacked(stored, dtype, { signal });
    for (let firstRow = 0; firstRow < rows; firstRow += perBlock) {
      throwIfAborted(signal);
      yield { firstRow, values: dequantiseRows(packed, firstRow, valuesOf(firstRow)) };
    }
    return;
  }
  const decode = widen[dtype];
  if (decode === undefined) {
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'readTensors',
      expected: `tensor ${name} of F32, F16, BF16 or F64`,
      got: dtype,
      remedy: 'Read integers and booleans with readWeights and toIntegers.',
      data: { tensor: name },
    });
  }
  const width = DTYPE_BYTES[dtype];
  const bytes = new Uint8Array(block.length * width);
  for (let firstRow = 0; firstRow < rows; firstRow += perBlock) {
    const values = valuesOf(firstRow);
    await data.readInto(bytes.subarray(0, values.length * width), firstRow * columns * width, { signal });
    decode(bytes.buffer, values);
    yield { firstRow, values };
  }
}
