import {
  describeValue,
  elementCount,
  formatShape,
  refuseArgument,
  requireInteger,
  requireOneOf,
  type Shape,
} from '@latte-flow/core';

import { DTYPE_BYTES, type Dtype } from './dtype.ts';
import { encodeFloat16 } from './float16.ts';
import { LENGTH_BYTES, METADATA_KEY } from './header.ts';
import type { TensorView } from './safetensors.ts';

/** A tensor to be written: bytes as they came from a file, or values (row-major). */
export type EncodableTensor = TensorView | TensorValues;

export interface TensorValues {
  readonly shape: Shape;
  /** Stored as F32 (or `dtype`), I32, I64 and U8. */
  readonly values: Float32Array | Int32Array | BigInt64Array | Uint8Array;
}

export interface EncodeOptions {
  /** What Float32Arrays are stored as; other tensors stay what they are. Default `float32`. */
  readonly dtype?: 'float32' | 'float16';
  /** Kept under `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const WHERE = 'encodeSafetensors';
const ALIGNMENT = 8;
export const compareNames = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function storedArray(values: TensorValues['values'], halve: boolean): readonly [Dtype, ArrayBufferView] {
  if (values instanceof Float32Array) return halve ? ['F16', encodeFloat16(values)] : ['F32', values];
  if (values instanceof Int32Array) return ['I32', values];
  if (values instanceof BigInt64Array) return ['I64', values];
  return ['U8', values];
}

function toView(name: string, tensor: EncodableTensor, halve: boolean): TensorView {
  const { shape } = tensor;
  for (const size of shape) requireInteger(WHERE, `every size of ${name}`, size, { min: 0 });
  if ('bytes' in tensor) {
    requireLength(name, {
      shape,
      expected: elementCount(shape) * DTYPE_BYTES[tensor.dtype],
      got: tensor.bytes.length,
      unit: 'bytes',
    });
    return tensor;
  }
  requireLength(name, { shape, expected: elementCount(shape), got: tensor.values.length, unit: 'values' });
  const [dtype, stored] = storedArray(tensor.values, halve);
  return { dtype, shape, bytes: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength) };
}

interface Length {
  readonly shape: Shape;
  readonly expected: number;
  readonly got: number;
  readonly unit: string;
}

function requireLength(name: string, { shape, expected, got, unit }: Length): void {
  if (got === expected) return;
  refuseArgument({
    where: WHERE,
    expected: `tensor ${describeValue(name)} of shape ${formatShape(shape)} to have ${expected} ${unit}`,
    got: `${got}`,
    remedy: 'Pass the shape that belongs to the values.',
    data: { tensor: name },
  });
}

/** The tensors as they will be stored, in the order they will be stored: wide elements first, so that all lie aligned. */
export function orderTensors(
  tensors: Iterable<readonly [string, EncodableTensor]>,
  dtype: EncodeOptions['dtype'],
): [string, TensorView][] {
  const halve = requireOneOf(WHERE, 'dtype', dtype ?? 'float32', ['float32', 'float16']) === 'float16';
  const views = new Map<string, TensorView>();
  for (const [name, tensor] of tensors) {
    if (name === METADATA_KEY || views.has(name)) {
      refuseArgument({
        where: WHERE,
        expected: `names that differ from each other and from ${METADATA_KEY}`,
        got: describeValue(name),
        remedy: 'Rename the tensor.',
        data: { tensor: name },
      });
    }
    views.set(name, toView(name, tensor, halve));
  }
  return [...views].sort(
    ([a, { dtype: x }], [b, { dtype: y }]) => DTYPE_BYTES[y] - DTYPE_BYTES[x] || compareNames(a, b),
  );
}

/** The JSON text of tensors that lie one after the other in this order, padded with spaces to 8 bytes. */
export function encodeHeader(
  ordered: readonly (readonly [
    string,
    { readonly dtype: Dtype; readonly shape: Shape; readonly byteLength: number },
  ])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let begin = 0;
  const entries = ordered.map(([name, { dtype, shape, byteLength }]) => {
    const end = begin + byteLength;
    const entry = [name, { dtype, shape, data_offsets: [begin, end] }] as const;
    begin = end;
    return entry;
  });
  const sortedMetadata = Object.entries(metadata).sort(([a], [b]) => compareNames(a, b));
  const kept = sortedMetadata.length > 0 ? [[METADATA_KEY, Object.fromEntries(sortedMetadata)] as const] : [];
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...kept, ...entries])));
  const padded = new Uint8Array(Math.ceil(text.length / ALIGNMENT) * ALIGNMENT).fill(0x20);
  padded.set(text);
  return padded;
}

/**
 * Writes a safetensors file to memory. Deterministic: the same tensors, in whatever order they come, give the same
 * bytes (sorted by size of element, then by name). The header is padded with spaces to 8 bytes.
 * @throws LatteFlowError `invalid-argument` if a shape does not fit its values or a name comes twice.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, EncodableTensor]>,
  { dtype, metadata = {} }: EncodeOptions = {},
): Uint8Array {
  const ordered = orderTensors(tensors, dtype);
  const header = encodeHeader(
    ordered.map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, byteLength: bytes.length }] as const),
    metadata,
  );
  const dataBytes = ordered.reduce((sum, [, view]) => sum + view.bytes.length, 0);
  const out = new Uint8Array(LENGTH_BYTES + header.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, LENGTH_BYTES);
  let offset = LENGTH_BYTES + header.length;
  for (const [, { bytes }] of ordered) {
    out.set(bytes, offset);
    offset += bytes.length;
  }
  return out;
}
