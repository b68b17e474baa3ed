import {
  openFileStore,
  openWeights,
  readJson,
  readTensors,
  type DtypeRules,
  type FileStore,
  type OpenFileStoreOptions,
} from '@latte-flow/checkpoint';
import { ParameterStore } from '@latte-flow/runtime';

import { adapterOf, canonicalWeights, parameterShapes, parseVisionLanguageConfig } from './adapter/registry.ts';
import type { VisionLanguageConfig } from './adapter/vlm-adapter.ts';
import { isJsonObject, JsonFields, type JsonObject } from './config/json-fields.ts';
import { readOptionalObject } from './config/optional-object.ts';
import type { PixelNormalisation } from './image/patchify.ts';
import { readTokenizer } from './text/read-tokenizer.ts';
import type { TextTokenizer } from './text/tokenizer.ts';

/** What a checkpoint folder holds, ready to use. */
export interface LoadedCheckpoint {
  readonly config: VisionLanguageConfig;
  readonly parameters: ParameterStore;
  readonly imageProcessor: PixelNormalisation;
  /** Absent if the folder has no `tokenizer.json`. */
  readonly tokenizer?: TextTokenizer;
  readonly eosTokenIds: readonly number[];
}

/** Where a model of the Hub comes from and is kept (`revision`, `cacheDir`, `localFilesOnly`, …), and how weights are. */
export interface LoadOptions extends OpenFileStoreOptions {
  /**
   * What weights are kept as: one dtype, or one by pattern of names, such as `{ 'visual.*': 'float16', '*': 'int4' }`.
   * Packed ones stay packed: products on WebGPU read them as they are (those of `float16` in half precision where the device
   * has matrix units), elsewhere they are dequantised when they are used. Default: as they are stored where `latte convert`
   * has quantised them, else float32.
   */
  readonly dtype?: DtypeRules;
  /** True makes the parameters variables, for training. Default false. */
  readonly trainable?: boolean;
}

/** `preprocessor_config.json`, or the part of `processor_config.json` that transformers 5 writes in its place. */
async function readImageProcessor(store: FileStore, signal: AbortSignal | undefined): Promise<JsonObject> {
  const own = 'preprocessor_config.json';
  if (await store.exists(own)) return readOptionalObject(store, own, signal);
  const { image_processor: part } = await readOptionalObject(store, 'processor_config.json', signal);
  return isJsonObject(part) ? part : {};
}

/** Names and shapes are compared with the config before any weight is read. */
async function loadParameters(
  store: FileStore,
  config: VisionLanguageConfig,
  { dtype, onProgress, signal, trainable }: LoadOptions,
): Promise<ParameterStore> {
  const weights = await openWeights(store, { signal });
  try {
    const tensors = canonicalWeights(weights.tensors, config);
    return await ParameterStore.load(readTensors(tensors, { dtype, signal, onProgress }), {
      where: 'fromPretrained',
      found: tensors,
      expected: parameterShapes(config),
      trainable,
    });
  } finally {
    await weights.close();
  }
}

/**
 * Reads a folder in the Hugging Face layout (path, URL, `owner/name` on the Hub or open store): `config.json`, weights,
 * and where they exist `preprocessor_config.json` (or `processor_config.json`), `generation_config.json` and the files of
 * the tokenizer. Uploads the weights to the current backend.
 * @throws LatteFlowError `file-not-found`, `unsupported`, `checkpoint-invalid` or `checkpoint-mismatch`; of a model on the
 * Hub also what `openHubStore` throws
 */
export async function loadCheckpoint(location: string | FileStore, options: LoadOptions): Promise<LoadedCheckpoint> {
  const { signal } = options;
  const store = typeof location === 'string' ? await openFileStore(location, options) : location;
  const config = parseVisionLanguageConfig(await readJson(store, 'config.json', { signal }));
  const preprocessor = await readImageProcessor(store, signal);
  const imageProcessor = adapterOf(config).parseImageProcessor(preprocessor, config);
  const generation = await readOptionalObject(store, 'generation_config.json', signal);
  const eos = generation['eos_token_id'];
  const eosTokenIds =
    eos === undefined || eos === null
      ? [config.eosTokenId]
      : new JsonFields('fromPretrained', [{ eos_token_id: [eos].flat() }]).numbers(['eos_token_id']);
  const tokenizer = await readTokenizer(store, signal);
  const parameters = await loadParameters(store, config, options);
  return { config, parameters, imageProcessor, eosTokenIds, ...(tokenizer === undefined ? {} : { tokenizer }) };
}
