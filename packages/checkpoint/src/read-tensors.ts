import { elementCount, throwIfAborted, type OnProgress } from '@latte-flow/core';

import { dtypeOf, type DtypeRules, type WeightDtype } from './packing/dtype-rules.ts';
import { floatBlocks } from './packing/float-blocks.ts';
import { packedSize, rowsOf } from './packing/packed-bits.ts';
import { PackedTensor, type HostTensor } from './packing/packed-tensor.ts';
import { quantiseRows } from './packing/quantise-rows.ts';
import { readPacked } from './packing/read-packed.ts';
import { inFileOrder, type StoredTensor } from './stored-tensor.ts';
import type { Float32Tensor } from './values.ts';

export interface ReadTensorsOptions {
  /** What weights become; without it packed ones stay what they are, and all others become float32. */
  readonly dtype?: DtypeRules;
  readonly signal?: AbortSignal;
  /** Stage `load`, in bytes of the files. */
  readonly onProgress?: OnProgress;
}

interface ReadAs {
  readonly name: string;
  readonly signal?: AbortSignal;
}

/** What a tensor is read as where the caller does not say. */
function ownDtype({ dtype }: StoredTensor): WeightDtype {
  return dtype === 'int8' || dtype === 'int4' ? dtype : 'float32';
}

async function readFloat32(stored: StoredTensor, options: ReadAs): Promise<Float32Tensor> {
  const { shape, data } = stored;
  const values = new Float32Array(elementCount(shape));
  if (stored.dtype === 'F32') {
    await data.readInto(new Uint8Array(values.buffer), 0, options);
    return { shape, values };
  }
  const { columns } = rowsOf(shape);
  for await (const block of floatBlocks(stored, options)) values.set(block.values, block.firstRow * columns);
  return { shape, values };
}

/** Reads one tensor as a dtype, converting it block by block on the way. */
export async function readTensor(stored: StoredTensor, dtype: WeightDtype, options: ReadAs): Promise<HostTensor> {
  if (dtype === 'float32') return readFloat32(stored, options);
  const { shape } = stored;
  if (stored.dtype === dtype || (stored.dtype === 'F16' && dtype === 'float16'))
    return readPacked(stored, dtype, options);
  const size = packedSize(dtype, shape);
  const scales = dtype === 'float16' ? {} : { scales: new Float32Array(size.scales) };
  const codes = new Uint8Array(size.codes);
  for await (const { firstRow, values } of floatBlocks(stored, options)) {
    quantiseRows({ dtype, shape, codes, name: options.name, ...scales }, firstRow, values);
  }
  return new PackedTensor({ dtype, shape, codes, ...scales });
}

/**
 * The tensors of open weights one after the other, in the order of the files, each as float32 or packed: a large one is
 * converted while it is read, so that beside the result only a block of a few MB is held.
 * @throws LatteFlowError `checkpoint-mismatch` for integers, `file-not-found` if reading fails, `invalid-argument` for a
 * wrong `dtype`; the signal's reason on abort
 */
export async function* readTensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  { dtype, signal, onProgress }: ReadTensorsOptions = {},
): AsyncGenerator<readonly [string, HostTensor]> {
  const chosen = dtype === undefined ? undefined : dtypeOf(dtype);
  const ordered = inFileOrder(tensors);
  const total = ordered.reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
  let loaded = 0;
  for (const [name, stored] of ordered) {
    throwIfAborted(signal);
    const tensor = await readTensor(stored, chosen?.(name, stored.shape) ?? ownDtype(stored), { name, signal });
    loaded += stored.byteLength;
    onProgress?.({ stage: 'load', loaded, total });
    yield [name, tensor];
  }
}
