import {
  openFileStore,
  openWeights,
  readJson,
  readTensors,
  subfolderOf,
  type DtypeRules,
  type FileStore,
  type OpenFileStoreOptions,
} from '@latte-flow/checkpoint';
import { throwIfAborted, type OnProgress, type Shape } from '@latte-flow/core';
import { ParameterStore } from '@latte-flow/runtime';

/** Where a model of the Hub comes from and is kept (`revision`, `cacheDir`, `localFilesOnly`, …), and how weights are. */
export interface LoadOptions extends OpenFileStoreOptions {
  /** The folder of the autoencoder in that of a pipeline, e.g. `vae`. Default the folder itself. */
  readonly subfolder?: string;
  /** What weights are kept as; packed ones are dequantised when they are used. Default float32. */
  readonly dtype?: DtypeRules;
  /** True makes the parameters variables, for training. Default false. */
  readonly trainable?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

const DIFFUSERS_NAME = 'diffusion_pytorch_model.safetensors';
const PLAIN_NAME = 'model.safetensors';

/** A store in which weights under diffusers' name are found under the plain one. */
async function plainlyNamed(store: FileStore): Promise<FileStore> {
  const index = (name: string): string => `${name}.index.json`;
  if ((await store.exists(PLAIN_NAME)) || (await store.exists(index(PLAIN_NAME)))) return store;
  const names = new Map([
    [PLAIN_NAME, DIFFUSERS_NAME],
    [index(PLAIN_NAME), index(DIFFUSERS_NAME)],
  ]);
  const nameOf = (path: string): string => names.get(path) ?? path;
  const { open } = store;
  return {
    location: store.location,
    read: (path, options) => store.read(nameOf(path), options),
    exists: (path) => store.exists(nameOf(path)),
    ...(open === undefined ? {} : { open: (path, options) => open.call(store, nameOf(path), options) }),
  };
}

/** The folder of an autoencoder, with its config.json parsed as JSON. */
export interface AutoencoderFolder {
  readonly store: FileStore;
  readonly json: unknown;
}

/** Opens the folder of an autoencoder: path, URL, `owner/name` on the Hub, or open store. */
export async function openAutoencoderFolder(
  location: string | FileStore,
  options: LoadOptions,
): Promise<AutoencoderFolder> {
  throwIfAborted(options.signal);
  const root = typeof location === 'string' ? await openFileStore(location, options) : location;
  const store = options.subfolder === undefined ? root : subfolderOf(root, options.subfolder);
  return { store, json: await readJson(store, 'config.json', { signal: options.signal }) };
}

/** Reads the weights; names and shapes are compared with the expected ones before any is read. */
export async function loadParameters(
  store: FileStore,
  expected: ReadonlyMap<string, Shape>,
  { dtype, trainable, signal, onProgress }: LoadOptions,
): Promise<ParameterStore> {
  const weights = await openWeights(await plainlyNamed(store), { signal });
  try {
    // Counts the batches that batch norm has seen: of no use.
    const tensors = new Map([...weights.tensors].filter(([name]) => !name.endsWith('.num_batches_tracked')));
    return await ParameterStore.load(readTensors(tensors, { dtype, signal, onProgress }), {
      where: 'fromPretrained',
      found: tensors,
      expected,
      trainable,
    });
  } finally {
    await weights.close();
  }
}
