import type { RangeOptions } from '../ranged-file.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import { dequantiseRows } from './dequantise-rows.ts';
import type { WeightDtype } from './dtype-rules.ts';
import { floatBlocks } from './float-blocks.ts';
import { packedSize } from './packed-bits.ts';
import { quantiseRows } from './quantise-rows.ts';

/** How far a tensor's values move when they are kept as another dtype. */
export interface QuantisationError {
  /** Largest |packed - stored|. */
  readonly max: number;
  /** Sum of (packed - stored)^2 over all values. */
  readonly squares: number;
  /** Sum of stored^2: what to set `squares` against. */
  readonly power: number;
}

/**
 * The error of keeping a tensor as `dtype`, measured value by value against what is stored. Reads it block by block.
 * @throws LatteFlowError `checkpoint-mismatch` for integers, and for values that the dtype cannot hold
 */
export async function quantisationError(
  stored: StoredTensor,
  dtype: WeightDtype,
  options: RangeOptions & { readonly name: string },
): Promise<QuantisationError> {
  let [max, squares, power] = [0, 0, 0];
  for await (const { values } of floatBlocks(stored, options)) {
    let kept = values;
    if (dtype !== 'float32') {
      const rest = stored.shape.slice(1);
      const shape = [values.length / rest.reduce((product, size) => product * size, 1), ...rest];
      const size = packedSize(dtype, shape);
      const packing = {
        dtype,
        shape,
        name: options.name,
        codes: new Uint8Array(size.codes),
        scales: new Float32Array(size.scales),
      };
      quantiseRows(packing, 0, values);
      kept = dequantiseRows(packing, 0, new Float32Array(values.length));
    }
    for (let i = 0; i < values.length; i++) {
      const error = Math.abs(kept[i]! - values[i]!);
      max = Math.max(max, error);
      squares += error * error;
      power += values[i]! * values[i]!;
    }
  }
  return { max, squares, power };
}
