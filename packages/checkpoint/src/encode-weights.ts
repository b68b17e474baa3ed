import { requireInteger } from '@latte-flow/core';

import { encodeSafetensors, orderTensors, type EncodableTensor, type EncodeOptions } from './encode.ts';
import { INDEX_FILE } from './shard-index.ts';
import { encodeIndex, fillShards } from './shard-layout.ts';

export interface EncodeWeightsOptions extends EncodeOptions {
  /** Most bytes of tensors in one file; a tensor larger than this gets a file of its own. Default 5e9. */
  readonly maxShardBytes?: number;
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
  const shards = fillShards(ordered, { maxBytes: maxShardBytes, bytesOf: ([, { bytes }]) => bytes.length });
  const files = new Map(shards.map(({ file, items }) => [file, encodeSafetensors(items, { metadata })]));
  if (shards.length === 1) return files;
  const places = shards.flatMap(({ file, items }) => items.map(([name]) => [name, file] as const));
  const totalSize = ordered.reduce((sum, [, { bytes }]) => sum + bytes.length, 0);
  return files.set(INDEX_FILE, encodeIndex(places, totalSize));
}
