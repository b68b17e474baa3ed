import {
  describeValue,
  refuseArgument,
  requireInteger,
  throwIfAborted,
  type OnProgress,
  type Shape,
} from '@latte-flow/core';

import { DTYPE_BYTES, type Dtype } from './dtype.ts';
import { compareNames, encodeHeader } from './encode.ts';
import { encodeFloat16 } from './float16.ts';
import { LENGTH_BYTES } from './header.ts';
import { dtypeOf, type DtypeRules, type WeightDtype } from './packing/dtype-rules.ts';
import { isFloating } from './packing/float-blocks.ts';
import type { HostTensor } from './packing/packed-tensor.ts';
import { QUANTISATION_KEY, QUANTISATION_METHOD, SCALE_SUFFIX, storedParts } from './packing/quantisation-config.ts';
import { readTensor } from './read-tensors.ts';
import { INDEX_FILE } from './shard-index.ts';
import { encodeIndex, fillShards } from './shard-layout.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** Writes bytes into a file that is being made. */
export type WriteAt = (bytes: Uint8Array, position: number) => Promise<void>;

export interface ConvertWeightsOptions {
  readonly dtype: DtypeRules;
  /** Most bytes of tensors in one file; a tensor larger than this gets a file of its own. Default 5e9. */
  readonly maxShardBytes?: number;
  readonly signal?: AbortSignal;
  /** Stage `convert`, in bytes of the files that are read. */
  readonly onProgress?: OnProgress;
}

/** What a folder with converted weights holds. */
export interface ConvertedWeights {
  /** Path -> content, or what writes it: reads one tensor after the other and writes it to its place. */
  readonly files: ReadonlyMap<string, Uint8Array | ((write: WriteAt) => Promise<void>)>;
  /** Of all tensors, as they will be stored. */
  readonly bytes: number;
  /** To be put into config.json; `quantization_config` is undefined where nothing is quantised. */
  readonly config: { readonly quantization_config?: object };
}

interface Part {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly byteLength: number;
}

/** A tensor and what becomes of it: one part, or codes and scales. */
interface Item {
  readonly name: string;
  readonly stored: StoredTensor;
  /** Undefined for integers, which stay as they are. */
  readonly dtype?: WeightDtype;
  readonly parts: readonly Part[];
}

function partOf(name: string, { dtype, shape }: { readonly dtype: Dtype; readonly shape: Shape }): Part {
  return { name, dtype, shape, byteLength: shape.reduce((bytes, size) => bytes * size, DTYPE_BYTES[dtype]) };
}

function itemOf(name: string, stored: StoredTensor, chosen: WeightDtype): Item {
  const { shape } = stored;
  if (!isFloating(stored)) return { name, stored, parts: [partOf(name, stored.data)] };
  if (chosen === 'float32' || chosen === 'float16') {
    return {
      name,
      stored,
      dtype: chosen,
      parts: [partOf(name, { dtype: chosen === 'float32' ? 'F32' : 'F16', shape })],
    };
  }
  const { codes, scales } = storedParts(chosen, shape);
  return { name, stored, dtype: chosen, parts: [partOf(name, codes), partOf(name + SCALE_SUFFIX, scales)] };
}

function requireDistinct(items: readonly Item[]): void {
  const names = new Set<string>();
  for (const { name } of items.flatMap(({ parts }) => parts)) {
    if (names.has(name)) {
      refuseArgument({
        where: 'convertWeights',
        expected: `names that differ also with ${SCALE_SUFFIX} behind those of quantised tensors`,
        got: `${describeValue(name)} twice`,
        remedy: 'Keep this tensor as float32 or float16: name it in dtype.',
        data: { tensor: name },
      });
    }
    names.add(name);
  }
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** The bytes of a tensor's parts. */
function* encodeParts(tensor: HostTensor, [, scales]: readonly Part[]): Generator<Uint8Array> {
  if (!('codes' in tensor)) {
    yield bytesOf(tensor.values);
    return;
  }
  yield tensor.codes;
  if (scales !== undefined) yield bytesOf(scales.dtype === 'F16' ? encodeFloat16(tensor.scales!) : tensor.scales!);
}

async function* partBytes({ name, stored, dtype, parts }: Item, signal: AbortSignal | undefined) {
  if (dtype === undefined) {
    const bytes = new Uint8Array(stored.byteLength);
    await stored.data.readInto(bytes, 0, { signal });
    yield bytes;
    return;
  }
  yield* encodeParts(await readTensor(stored, dtype, { name, signal }), parts);
}

/** Wide elements first, then by name, so that all tensors lie aligned. */
function ordered(parts: readonly Part[]): Part[] {
  return [...parts].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || compareNames(a.name, b.name));
}

/**
 * Weights in another dtype, as the files of a Hugging Face folder that `openWeights` reads again. Nothing is read before the
 * files are written, and then one tensor at a time.
 *
 * int8 is stored as I8 of the tensor's shape, int4 as U8 `[rows, groups, 16]`, each under the tensor's name, with the
 * scales behind it as `NAME.scale`: F32 `[rows]` for int8, F16 `[rows, groups]` for int4 (see `PackedBits`).
 * `quantization_config` in config.json says which tensors those are, and their shapes.
 * @throws LatteFlowError `invalid-argument` for a wrong `dtype` or shard size; what reading throws
 */
export function convertWeights(
  tensors: ReadonlyMap<string, StoredTensor>,
  { dtype, maxShardBytes = 5e9, signal, onProgress }: ConvertWeightsOptions,
): ConvertedWeights {
  requireInteger('convertWeights', 'maxShardBytes', maxShardBytes, { min: 1 });
  const choose = dtypeOf(dtype);
  const items = [...tensors]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([name, stored]) => itemOf(name, stored, choose(name, stored.shape)));
  requireDistinct(items);
  const total = items.reduce((sum, { stored }) => sum + stored.byteLength, 0);
  let loaded = 0;
  const size = ({ parts }: Item): number => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const bytes = items.reduce((sum, item) => sum + size(item), 0);
  const shards = fillShards(items, { maxBytes: maxShardBytes, bytesOf: size });

  const writeShard = async (members: readonly Item[], write: WriteAt): Promise<void> => {
    const parts = ordered(members.flatMap((item) => item.parts));
    const header = encodeHeader(
      parts.map((part) => [part.name, part] as const),
      { format: 'pt' },
    );
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
    await write(length, 0);
    await write(header, LENGTH_BYTES);
    const positions = new Map<string, number>();
    let position = LENGTH_BYTES + header.length;
    for (const part of parts) {
      positions.set(part.name, position);
      position += part.byteLength;
    }
    for (const item of members) {
      throwIfAborted(signal);
      const names = item.parts.map(({ name }) => name);
      for await (const bytes of partBytes(item, signal)) await write(bytes, positions.get(names.shift()!)!);
      loaded += item.stored.byteLength;
      onProgress?.({ stage: 'convert', loaded, total });
    }
  };

  const files = new Map<string, Uint8Array | ((write: WriteAt) => Promise<void>)>(
    shards.map(({ file, items: members }) => [file, (write: WriteAt) => writeShard(members, write)]),
  );
  if (shards.length > 1) {
    const places = shards.flatMap(({ file, items: members }) =>
      members.flatMap(({ parts }) => parts.map(({ name }) => [name, file] as const)),
    );
    files.set(INDEX_FILE, encodeIndex(places, bytes));
  }
  const quantised = items.flatMap(({ name, dtype: chosen, stored }) =>
    chosen === 'int8' || chosen === 'int4' ? [[name, { dtype: chosen, shape: stored.shape }] as const] : [],
  );
  const config =
    quantised.length === 0
      ? {}
      : { [QUANTISATION_KEY]: { quant_method: QUANTISATION_METHOD, tensors: Object.fromEntries(quantised) } };
  return { files, bytes, config };
}
