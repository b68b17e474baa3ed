import { describeValue, formatShape, LatteFlowError, type Shape } from '@latte-flow/core';

import type { FileStore } from '../file-store.ts';
import { refuseFile } from '../invalid.ts';
import { isJsonObject, readJson } from '../json-file.ts';
import type { FileTensor, StoredTensor } from '../stored-tensor.ts';
import { GROUP_BYTES, rowsOf } from './packed-bits.ts';

/** The key of config.json, and what its `quant_method` says for the layout of this package. */
export const QUANTISATION_KEY = 'quantization_config';
export const QUANTISATION_METHOD = 'latte-flow';
/** What is put behind a tensor's name for its scales. */
export const SCALE_SUFFIX = '.scale';

type StoredDtype = 'int8' | 'int4';
type Quantised = ReadonlyMap<string, { readonly dtype: StoredDtype; readonly shape: Shape }>;

/** What the files hold for a tensor: dtype and shape of its codes and scales. */
export function storedParts(dtype: StoredDtype, shape: Shape) {
  const { rows, groups } = rowsOf(shape);
  return dtype === 'int8'
    ? ({ codes: { dtype: 'I8', shape }, scales: { dtype: 'F32', shape: [rows] } } as const)
    : ({
        codes: { dtype: 'U8', shape: [rows, groups, GROUP_BYTES] },
        scales: { dtype: 'F16', shape: [rows, groups] },
      } as const);
}

function refuse(expected: string, got: string, data: Record<string, unknown> = {}): never {
  return refuseFile({
    where: 'openWeights',
    expected,
    got,
    remedy: 'Convert the checkpoint again with latte convert.',
    data,
  });
}

function parseTensors(tensors: unknown): Quantised {
  if (!isJsonObject(tensors))
    return refuse(`${QUANTISATION_KEY}.tensors of config.json to be an object`, describeValue(tensors));
  const quantised = new Map<string, { dtype: StoredDtype; shape: Shape }>();
  for (const [name, value] of Object.entries(tensors)) {
    const { dtype, shape } = isJsonObject(value) ? value : {};
    const isShape =
      Array.isArray(shape) && shape.length > 1 && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
    if ((dtype !== 'int8' && dtype !== 'int4') || !isShape) {
      return refuse(
        `${QUANTISATION_KEY} to give int8 or int4 and a shape of two axes or more for ${describeValue(name)}`,
        `${describeValue(dtype)}, ${describeValue(shape)}`,
        { tensor: name },
      );
    }
    quantised.set(name, { dtype, shape });
  }
  return quantised;
}

/**
 * What `quantization_config` of a folder's config.json says; empty where there is none.
 * @throws LatteFlowError `unsupported` for weights that another tool has quantised, `checkpoint-invalid`
 */
export async function readQuantisation(store: FileStore, signal: AbortSignal | undefined): Promise<Quantised> {
  if (!(await store.exists('config.json'))) return new Map();
  const config = await readJson(store, 'config.json', { signal });
  const found = isJsonObject(config) ? config[QUANTISATION_KEY] : undefined;
  if (found === undefined || found === null) return new Map();
  const method = isJsonObject(found) ? found['quant_method'] : undefined;
  if (!isJsonObject(found) || method !== QUANTISATION_METHOD) {
    throw new LatteFlowError('unsupported', {
      where: 'openWeights',
      expected: `weights that are not quantised, or by ${QUANTISATION_METHOD}`,
      got: `quant_method ${describeValue(method)} in config.json of ${store.location}`,
      remedy: 'Take the checkpoint as it was before, and quantise it with latte convert or the option dtype.',
      data: { method },
    });
  }
  return parseTensors(found['tensors']);
}

function partOf(
  files: ReadonlyMap<string, FileTensor>,
  name: string,
  { dtype, shape }: { readonly dtype: string; readonly shape: Shape },
): FileTensor {
  const found = files.get(name);
  if (found?.dtype === dtype && formatShape(found.shape) === formatShape(shape)) return found;
  return refuse(
    `tensor ${describeValue(name)} of ${dtype} ${formatShape(shape)}, as ${QUANTISATION_KEY} says`,
    found === undefined ? 'none' : `${found.dtype} ${formatShape(found.shape)}`,
    { tensor: name },
  );
}

/**
 * Joins codes and scales to the tensors that they stand for.
 * @throws LatteFlowError `checkpoint-invalid` naming a tensor that is missing or of another kind than said
 */
export function joinQuantised(files: ReadonlyMap<string, FileTensor>, quantised: Quantised): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const scaleNames = new Set([...quantised.keys()].map((name) => name + SCALE_SUFFIX));
  for (const [name, data] of files) {
    const { dtype, shape, byteLength } = data;
    if (!quantised.has(name) && !scaleNames.has(name)) tensors.set(name, { dtype, shape, byteLength, data });
  }
  for (const [name, { dtype, shape }] of quantised) {
    const parts = storedParts(dtype, shape);
    const data = partOf(files, name, parts.codes);
    const scales = partOf(files, name + SCALE_SUFFIX, parts.scales);
    tensors.set(name, { dtype, shape, byteLength: data.byteLength + scales.byteLength, data, scales });
  }
  return tensors;
}
