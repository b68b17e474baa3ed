import { float32Tensors, openFileStore, readJson, readWeights, type FileStore } from '@latte-flow/checkpoint';
import { LatteFlowError, type OnProgress } from '@latte-flow/core';
import { ParameterStore } from '@latte-flow/runtime';

import { JsonFields, isJsonObject, type JsonObject } from './config/json-fields.ts';
import { parseVisionLanguageConfig, type Qwen2VLConfig } from './config/qwen2-vl-config.ts';
import { parseImageProcessorConfig, type ImageProcessorConfig } from './image/image-processor-config.ts';
import { parameterShapes } from './qwen2-vl/parameter-shapes.ts';
import { canonicalWeights } from './qwen2-vl/weight-names.ts';
import { createTokenizer, type TextTokenizer } from './text/tokenizer.ts';

/** What a checkpoint folder holds, ready to use. */
export interface LoadedCheckpoint {
  readonly config: Qwen2VLConfig;
  readonly parameters: ParameterStore;
  readonly imageProcessor: ImageProcessorConfig;
  /** Absent if the folder has no `tokenizer.json`. */
  readonly tokenizer?: TextTokenizer;
  readonly eosTokenIds: readonly number[];
}

export interface LoadOptions {
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

function requireSamePatches({ vision }: Qwen2VLConfig, processor: ImageProcessorConfig): void {
  const pairs = [
    ['patch_size', vision.patchSize, processor.patchSize],
    ['temporal_patch_size', vision.temporalPatchSize, processor.temporalPatchSize],
    ['merge_size', vision.spatialMergeSize, processor.mergeSize],
  ] as const;
  for (const [name, expected, got] of pairs) {
    if (expected === got) continue;
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'fromPretrained',
      expected: `${name} ${expected} in preprocessor_config.json, as in config.json`,
      got: String(got),
      remedy: 'Use the files of one checkpoint.',
      data: { name, expected, got },
    });
  }
}

/**
 * Reads a folder in the Hugging Face layout: `config.json`, weights, and where they exist `preprocessor_config.json`,
 * `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`. Uploads the weights to the current backend.
 * @throws LatteFlowError `file-not-found`, `unsupported`, `checkpoint-invalid` or `checkpoint-mismatch`
 */
export async function loadCheckpoint(
  location: string | FileStore,
  { onProgress, signal, trainable }: LoadOptions,
): Promise<LoadedCheckpoint> {
  const store = typeof location === 'string' ? await openFileStore(location) : location;
  const config = parseVisionLanguageConfig(await readJson(store, 'config.json', { signal }));
  const { vision } = config;
  const imageProcessor = parseImageProcessorConfig({
    patch_size: vision.patchSize,
    temporal_patch_size: vision.temporalPatchSize,
    merge_size: vision.spatialMergeSize,
    ...(await readOptional(store, 'preprocessor_config.json', signal)),
  });
  requireSamePatches(config, imageProcessor);
  const generation = await readOptional(store, 'generation_config.json', signal);
  const eos = generation['eos_token_id'];
  const eosTokenIds =
    eos === undefined || eos === null
      ? [config.eosTokenId]
      : new JsonFields('fromPretrained', [{ eos_token_id: [eos].flat() }]).numbers(['eos_token_id']);
  const tokenizer = await readTokenizer(store, signal);
  const weights = await readWeights(store, { signal, onProgress });
  signal?.throwIfAborted();
  const parameters = ParameterStore.upload(
    float32Tensors(canonicalWeights(weights, { tied: config.text.tieWordEmbeddings })),
    {
      where: 'fromPretrained',
      expected: parameterShapes(config),
      trainable,
    },
  );
  return { config, parameters, imageProcessor, eosTokenIds, ...(tokenizer === undefined ? {} : { tokenizer }) };
}
