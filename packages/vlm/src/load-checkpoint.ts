import {
  openFileStore,
  openWeights,
  readJson,
  readTensors,
  type DtypeRules,
  type FileStore,
} from '@latte-flow/checkpoint';
import { LatteFlowError, type OnProgress } from '@latte-flow/core';
import { ParameterStore } from '@latte-flow/runtime';

import { adapterOf, canonicalWeights, parameterShapes, parseVisionLanguageConfig } from './adapter/registry.ts';
import type { VisionLanguageConfig } from './adapter/vlm-adapter.ts';
import { JsonFields, isJsonObject, type JsonObject } from './config/json-fields.ts';
import type { PixelNormalisation } from './image/patchify.ts';
import { createTokenizer, type TextTokenizer } from './text/tokenizer.ts';

/** What a checkpoint folder holds, ready to use. */
export interface LoadedCheckpoint {
  readonly config: VisionLanguageConfig;
  readonly parameters: ParameterStore;
  readonly imageProcessor: PixelNormalisation;
  /** Absent if the folder has no `tokenizer.json`. */
  readonly tokenizer?: TextTokenizer;
  readonly eosTokenIds: readonly number[];
}

export interface LoadOptions {
  /**
   * What weights are kept as: one dtype, or one by pattern of names, such as `{ 'visual.*': 'float16', '*': 'int4' }`.
   * Packed ones are dequantised when they are used. Default: as they are stored where `latte convert` has quantised
   * them, else float32.
   */
  readonly dtype?: DtypeRules;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** True makes the parameters variables, for training. Default false. */
  readonly trainable?: boolean;
}

async function readOptional(store: FileStore, path: string, signal: AbortSignal | undefined): Promise<JsonObject> {
  if (!(await store.exists(path))) return {};
  const json = await readJson(store, path, { signal });
  if (isJsonObject(json)) return json;
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'fromPretrained',
    expected: `${path} to hold an object`,
    got: 'another kind of value',
    remedy: 'Download the file of the checkpoint again.',
    data: { path },
  });
}

async function readTokenizer(store: FileStore, signal: AbortSignal | undefined): Promise<TextTokenizer | undefined> {
  if (!(await store.exists('tokenizer.json'))) return undefined;
  const tokenizer = await readOptional(store, 'tokenizer.json', signal);
  return createTokenizer({ tokenizer, config: await readOptional(store, 'tokenizer_config.json', signal) });
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
 * Reads a folder in the Hugging Face layout: `config.json`, weights, and where they exist `preprocessor_config.json`,
 * `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`. Uploads the weights to the current backend.
 * @throws LatteFlowError `file-not-found`, `unsupported`, `checkpoint-invalid` or `checkpoint-mismatch`
 */
export async function loadCheckpoint(
  location: string | FileStore,
  { dtype, onProgress, signal, trainable }: LoadOptions,
): Promise<LoadedCheckpoint> {
  const store = typeof location === 'string' ? await openFileStore(location) : location;
  const config = parseVisionLanguageConfig(await readJson(store, 'config.json', { signal }));
  const preprocessor = await readOptional(store, 'preprocessor_config.json', signal);
  const imageProcessor = adapterOf(config).parseImageProcessor(preprocessor, config);
  const generation = await readOptional(store, 'generation_config.json', signal);
  const eos = generation['eos_token_id'];
  const eosTokenIds =
    eos === undefined || eos === null
      ? [config.eosTokenId]
      : new JsonFields('fromPretrained', [{ eos_token_id: [eos].flat() }]).numbers(['eos_token_id']);
  const tokenizer = await readTokenizer(store, signal);
  const parameters = await loadParameters(store, config, { dtype, onProgress, signal, trainable });
  return { config, parameters, imageProcessor, eosTokenIds, ...(tokenizer === undefined ? {} : { tokenizer }) };
}
