import { requireInteger } from '@latte-flow/core';

import { encodeSafetensors, orderTensors, type EncodableTensor, type EncodeOptions } from './encode.ts';
import type { TensorView } from './safetensors.ts';

export interface EncodeWeightsOptions extends EncodeOptions {
  /** Most bytes of tensors in one file; a tensor larger than this gets a file of its own. Default 5e9. */
  readonly maxShardBytes?: number;
}

type Shard = [string, TensorView][];

function fillShards(ordered: Shard, maxShardBytes: number): Shard[] {
  const shards: Shard[] = [[]];
  let filled = 0;
  for (const entry of ordered) {
    const { length } = entry[1].bytes;
    if (filled > 0 && filled + length > maxShardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(entry);
    filled += length;
  }
  return shards;
}

/**
 * Weights as the files of a Hugging Face folder, path -> bytes: `model.safetensors`, or, beyond `maxShardBytes`,
 * `model-00001-of-0000N.safetensors` and so on with `model.safetensors.index.json`. Deterministic.
 * @throws LatteFlowError `invalid-argument` if a shape does not fit its values or a name comes twice.
 */
export function encodeWeights(
  tensors: Iterable<readonly [string, EncodableTensor]>,
  { maxShardBytes = 5e9, dtype, metadata }: EncodeWeightsOptions = {},
): Map<string, Uint8Array> {
  requireInteger('encodeWeights', 'maxShardBytes', maxShardBytes, { min: 1 });
  const ordered = orderTensors(tensors, dtype);
  const shards = fillShards(ordered, maxShardBytes);
  if (shards.length === 1) return new Map([['model.safetensors', encodeSafetensors(ordered, { metadata })]]);
  const files = new Map<string, Uint8Array>();
  const places: [string, string][] = [];
  const digits = (n: number) => String(n).padStart(5, '0');
  shards.forEach((shard, i) => {
    const file = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    files.set(file, encodeSafetensors(shard, { metadata }));
    for (const [name] of shard) places.push([name, file]);
  });
  const totalSize = ordered.reduce((sum, [, { bytes }]) => sum + bytes.length, 0);
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(places) };
  files.set('model.safetensors.index.json', new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`));
  return files;
}
