import { describeValue, LatteFlowError, type Shape } from '@latte-flow/core';

import { DTYPE_BYTES } from './dtype.ts';
import { decodeBfloat16, decodeFloat16 } from './float16.ts';
import type { TensorView } from './safetensors.ts';

interface NamedTensor {
  /** The tensor's name, for messages. */
  readonly name?: string;
}

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;

/**
 * A buffer and offset on which an array of the view's dtype can be laid: the file's own where it is aligned, else a copy.
 * Not `slice`, which gives another view where the file is a Node Buffer.
 */
function alignedBytes({ dtype, bytes }: TensorView): Uint8Array {
  return bytes.byteOffset % DTYPE_BYTES[dtype] === 0 ? bytes : new Uint8Array(bytes);
}

function refuseView(
  where: string,
  { name, expected, got, remedy }: NamedTensor & Record<'expected' | 'got' | 'remedy', string>,
): never {
  throw new LatteFlowError('checkpoint-mismatch', {
    where,
    expected: `${name === undefined ? 'a tensor' : `tensor ${describeValue(name)}`} ${expected}`,
    got,
    remedy,
    data: { tensor: name },
  });
}

/**
 * The tensor's values as float32, row-major. F32 is a view of the file where it is aligned, and a copy elsewhere;
 * F16 and BF16 are widened exactly; F64 is rounded.
 * @throws LatteFlowError `checkpoint-mismatch` for integers and booleans.
 */
export function toFloat32(view: TensorView, { name }: NamedTensor = {}): Float32Array {
  const { buffer, byteOffset, byteLength } = alignedBytes(view);
  const length = byteLength / DTYPE_BYTES[view.dtype];
  switch (view.dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, length);
    case 'F16':
      return decodeFloat16(new Uint16Array(buffer, byteOffset, length));
    case 'BF16':
      return decodeBfloat16(new Uint16Array(buffer, byteOffset, length));
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, length));
    default:
      return refuseView('toFloat32', {
        name,
        expected: 'of F32, F16, BF16 or F64',
        got: view.dtype,
        remedy: 'Read integers and booleans with toIntegers.',
      });
  }
}

function integersOf(view: TensorView): ArrayLike<number | bigint> | undefined {
  const { buffer, byteOffset, byteLength } = alignedBytes(view);
  const length = byteLength / DTYPE_BYTES[view.dtype];
  switch (view.dtype) {
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'U64':
      return new BigUint64Array(buffer, byteOffset, length);
    case 'I32':
      return new Int32Array(buffer, byteOffset, length);
    case 'U32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'I16':
      return new Int16Array(buffer, byteOffset, length);
    case 'U16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'I8':
      return new Int8Array(buffer, byteOffset, length);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer, byteOffset, length);
    default:
      return undefined;
  }
}

/**
 * The tensor's values as int32, row-major; booleans are 0 and 1. I32 is a view of the file where it is aligned.
 * @throws LatteFlowError `checkpoint-mismatch` for floating-point tensors and for values beyond 32 bits.
 */
export function toIntegers(view: TensorView, { name }: NamedTensor = {}): Int32Array {
  const source = integersOf(view);
  if (source === undefined) {
    return refuseView('toIntegers', {
      name,
      expected: 'of integers or booleans',
      got: view.dtype,
      remedy: 'Read floating-point tensors with toFloat32.',
    });
  }
  if (source instanceof Int32Array) return source;
  const out = new Int32Array(source.length);
  for (let i = 0; i < out.length; i++) {
    const value = Number(source[i]!);
    if (value < MIN_INT32 || value > MAX_INT32) {
      refuseView('toIntegers', {
        name,
        expected: 'of values in 32 bits',
        got: `${source[i]} at ${i}`,
        remedy: 'Read its bytes with a BigInt64Array.',
      });
    }
    out[i] = value;
  }
  return out;
}

/** A tensor on the host: float32, row-major. */
export interface Float32Tensor {
  readonly shape: Shape;
  readonly values: Float32Array;
}

/**
 * Named tensors as float32, each converted when it is reached, so that a large checkpoint is never there twice.
 * @throws LatteFlowError as `toFloat32`, naming the tensor
 */
export function* float32Tensors(
  weights: Iterable<readonly [string, TensorView]>,
): Generator<readonly [string, Float32Tensor]> {
  for (const [name, view] of weights) yield [name, { shape: view.shape, values: toFloat32(view, { name }) }];
}
