import { resolve } from 'node:path';

import {
  dtypeOf,
  isFloating,
  openFileStore,
  openWeights,
  quantisationError,
  storedBytes,
  subfolderOf,
  type DtypeRules,
} from '@latte-flow/checkpoint';
import { elementCount, throwIfAborted, type OnProgress } from '@latte-flow/core';

import { modelFolders } from '../convert/model-folders.ts';
import { localModel } from '../local-model.ts';

interface Sums {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly max: number;
  readonly squares: number;
  readonly power: number;
}

const NOTHING: Sums = { tensors: 0, parameters: 0, bytes: 0, max: 0, squares: 0, power: 0 };

/** The name of a tensor for all layers: `model.layers.*.mlp.up_proj.weight`. */
function moduleOf(name: string): string {
  return name.replace(/(^|\.)\d+(?=\.|$)/g, '$1*');
}

function summary({ tensors, parameters, bytes, max, squares, power }: Sums) {
  return {
    tensors,
    parameters,
    bytes,
    max_error: max,
    rms_error: parameters === 0 ? 0 : Math.sqrt(squares / parameters),
    relative_error: power === 0 ? 0 : Math.sqrt(squares / power),
  };
}

function plus(a: Sums, b: Sums): Sums {
  return {
    tensors: a.tensors + b.tensors,
    parameters: a.parameters + b.parameters,
    bytes: a.bytes + b.bytes,
    max: Math.max(a.max, b.max),
    squares: a.squares + b.squares,
    power: a.power + b.power,
  };
}

/**
 * The error that a dtype causes in the weights of a model folder, module by module (the layers of a stack count as one),
 * against the weights as they are stored.
 * @throws LatteFlowError `file-not-found`, `checkpoint-invalid`, `checkpoint-mismatch` for weights that are not finite
 */
export async function dtypeError(
  model: string,
  {
    dtype,
    signal,
    onProgress,
  }: { readonly dtype: DtypeRules; readonly signal?: AbortSignal; readonly onProgress?: OnProgress },
) {
  const chosen = dtypeOf(dtype);
  const place = await localModel(model, { signal, onProgress });
  const root = await openFileStore(resolve(place));
  const modules = new Map<string, { module: string; dtype: string; sums: Sums }>();
  for (const folder of (await modelFolders('latte inspect', place)).weights) {
    const weights = await openWeights(folder === '' ? root : subfolderOf(root, folder), { signal });
    try {
      for (const [name, stored] of weights.tensors) {
        throwIfAborted(signal);
        if (!isFloating(stored)) continue;
        const { shape } = stored;
        const kept = chosen(name, shape);
        const module = `${folder === '' ? '' : `${folder}/`}${moduleOf(name)}`;
        const key = `${module} ${kept}`;
        const error = await quantisationError(stored, kept, { name, signal });
        const own = { tensors: 1, parameters: elementCount(shape), bytes: storedBytes(kept, shape), ...error };
        modules.set(key, { module, dtype: kept, sums: plus(modules.get(key)?.sums ?? NOTHING, own) });
      }
    } finally {
      await weights.close();
    }
  }
  const all = [...modules.values()];
  return {
    model,
    modules: all.map(({ module, dtype: kept, sums }) => ({ module, dtype: kept, ...summary(sums) })),
    total: summary(all.reduce((total, { sums }) => plus(total, sums), NOTHING)),
  };
}

export type DtypeErrors = Awaited<ReturnType<typeof dtypeError>>;
