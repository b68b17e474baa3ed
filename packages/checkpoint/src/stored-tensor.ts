import type { Shape } from '@latte-flow/core';

import type { Dtype } from './dtype.ts';
import type { PackedDtype } from './packing/dtype-rules.ts';
import type { RangeOptions } from './ranged-file.ts';

/** One tensor of an open safetensors file, not read yet. */
export interface FileTensor {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly byteLength: number;
  /** Where it lies: for reading in the order of the files. */
  readonly file: string;
  readonly begin: number;
  /** Fills `target` with the tensor's bytes from `offset` on. */
  readInto(target: Uint8Array, offset: number, options?: RangeOptions): Promise<void>;
}

/** One tensor of a checkpoint, not read yet: as a file holds it, or its codes and scales where it is quantised. */
export interface StoredTensor {
  /** What it is stored as. */
  readonly dtype: Dtype | Exclude<PackedDtype, 'float16'>;
  readonly shape: Shape;
  /** In all files, scales included. */
  readonly byteLength: number;
  readonly data: FileTensor;
  /** The scales of `int8` and `int4`. */
  readonly scales?: FileTensor;
}

/** In the order in which the files hold them, so that reading goes forward. */
export function inFileOrder<T extends StoredTensor>(tensors: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...tensors].sort(([, { data: a }], [, { data: b }]) =>
    a.file === b.file ? a.begin - b.begin : a.file < b.file ? -1 : 1,
  );
}
