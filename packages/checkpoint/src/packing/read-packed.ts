import { decodeFloat16 } from '../float16.ts';
import type { RangeOptions } from '../ranged-file.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import type { PackedDtype } from './dtype-rules.ts';
import { PackedTensor } from './packed-tensor.ts';

/** Reads a tensor as its file holds it: for those that are stored as `dtype` already. */
export async function readPacked(
  { shape, data, scales }: StoredTensor,
  dtype: PackedDtype,
  options: RangeOptions,
): Promise<PackedTensor> {
  const codes = new Uint8Array(data.byteLength);
  await data.readInto(codes, 0, options);
  if (scales === undefined) return new PackedTensor({ dtype, shape, codes });
  const bytes = new Uint8Array(scales.byteLength);
  await scales.readInto(bytes, 0, options);
  const values = scales.dtype === 'F16' ? decodeFloat16(new Uint16Array(bytes.buffer)) : new Float32Array(bytes.buffer);
  return new PackedTensor({ dtype, shape, codes, scales: values });
}
