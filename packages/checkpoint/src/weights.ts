import { throwIfAborted, type OnProgress } from '@latte-flow/core';

import type { FileStore } from './file-store.ts';
import { openWeights } from './open-weights.ts';
import { readTensor } from './read-tensors.ts';
import type { TensorView } from './safetensors.ts';
import { inFileOrder, type StoredTensor } from './stored-tensor.ts';
import type { Float32Tensor } from './values.ts';

export interface ReadWeightsOptions {
  readonly signal?: AbortSignal;
  /** Stage `load`, in bytes. */
  readonly onProgress?: OnProgress;
}

async function readView(name: string, stored: StoredTensor, signal: AbortSignal | undefined): Promise<TensorView> {
  const { dtype, shape, data } = stored;
  if (dtype === 'int8' || dtype === 'int4') {
    const { values } = (await readTensor(stored, 'float32', { name, signal })) as Float32Tensor;
    return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
  }
  const bytes = new Uint8Array(data.byteLength);
  await data.readInto(bytes, 0, { signal });
  return { dtype, shape, bytes };
}

/**
 * All weights of a Hugging Face folder at once, as the files hold them (see `openWeights`), each tensor in memory of its
 * own. Quantised ones come as F32. `readTensors` reads them one by one.
 * @throws LatteFlowError as `openWeights`
 */
export async function readWeights(
  store: FileStore,
  { signal, onProgress }: ReadWeightsOptions = {},
): Promise<Map<string, TensorView>> {
  const weights = await openWeights(store, { signal });
  try {
    const { tensors, bytes: total } = weights;
    const views = new Map<string, TensorView>();
    let loaded = 0;
    for (const [name, stored] of inFileOrder(tensors)) {
      throwIfAborted(signal);
      views.set(name, await readView(name, stored, signal));
      loaded += stored.byteLength;
      onProgress?.({ stage: 'load', loaded, total });
    }
    return new Map([...tensors.keys()].map((name) => [name, views.get(name)!]));
  } finally {
    await weights.close();
  }
}
