import { elementCount, type Shape } from '@latte-flow/core';

import type { Float32Tensor } from '../values.ts';
import { dequantiseRows } from './dequantise-rows.ts';
import type { PackedDtype } from './dtype-rules.ts';
import type { PackedBits } from './packed-bits.ts';

/** A tensor on the host in fewer bits. */
export class PackedTensor implements PackedBits {
  readonly dtype: PackedDtype;
  readonly shape: Shape;
  readonly codes: Uint8Array;
  readonly scales?: Float32Array;

  /** Takes the bits over. */
  constructor({ dtype, shape, codes, scales }: PackedBits) {
    this.dtype = dtype;
    this.shape = shape;
    this.codes = codes;
    if (scales !== undefined) this.scales = scales;
  }

  /** Of codes and scales in memory. */
  get byteLength(): number {
    return this.codes.byteLength + (this.scales?.byteLength ?? 0);
  }

  /** The float32 values, row-major, in new memory. */
  dequantise(): Float32Array {
    return dequantiseRows(this, 0, new Float32Array(elementCount(this.shape)));
  }
}

/** A tensor as it is kept on the host. */
export type HostTensor = Float32Tensor | PackedTensor;
