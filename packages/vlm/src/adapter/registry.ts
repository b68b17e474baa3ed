import { describeValue, LatteFlowError, type Shape } from '@latte-flow/core';

import { isJsonObject, type JsonObject } from '../config/json-fields.ts';
import { idefics3Adapter } from '../idefics3/idefics3-adapter.ts';
import { qwen2VLAdapter } from '../qwen2-vl/qwen2-vl-adapter.ts';
import { qwen25VLAdapter } from '../qwen25-vl/qwen25-vl-adapter.ts';
import type { VisionLanguageConfig, VlmAdapter } from './vlm-adapter.ts';
import { renameWeights } from './weight-names.ts';

/** All architectures of this package. */
const ADAPTERS: readonly VlmAdapter[] = [qwen2VLAdapter, qwen25VLAdapter, idefics3Adapter];

/** The values of `model_type` that this package has an architecture for. */
export const KNOWN_MODEL_TYPES: readonly string[] = ADAPTERS.flatMap(({ modelTypes }) => modelTypes);

/**
 * The adapter of an architecture.
 * @throws LatteFlowError `unsupported` for an unknown `modelType`, listing the known ones
 */
export function adapterOf({ modelType }: { readonly modelType: unknown }): VlmAdapter {
  const found = ADAPTERS.find(({ modelTypes }) => modelTypes.some((known) => known === modelType));
  if (found !== undefined) return found;
  throw new LatteFlowError('unsupported', {
    where: 'adapterOf',
    expected: `model_type to be one of ${KNOWN_MODEL_TYPES.join(', ')}`,
    got: describeValue(modelType),
    remedy: 'Load a checkpoint of a known architecture.',
    data: { modelType, known: KNOWN_MODEL_TYPES },
  });
}

/**
 * Reads any `config.json` that this package has an architecture for.
 * @throws LatteFlowError `unsupported` for an unknown `model_type`, `checkpoint-invalid` for a bad field
 */
export function parseVisionLanguageConfig(json: unknown): VisionLanguageConfig {
  const object: JsonObject = isJsonObject(json) ? json : {};
  return adapterOf({ modelType: object['model_type'] }).parseConfig(object);
}

/** The `config.json` of a configuration, which `parseVisionLanguageConfig` reads back. */
export function visionLanguageConfigToJson(config: VisionLanguageConfig): JsonObject {
  return adapterOf(config).configToJson(config);
}

/** Canonical names and shapes of all parameters: what a checkpoint must hold, no more and no less. */
export function parameterShapes(config: VisionLanguageConfig): ReadonlyMap<string, Shape> {
  return adapterOf(config).parameterShapes(config);
}

/**
 * Renames the tensors of a checkpoint to the canonical spelling, whichever of the variants in the wild it uses, and
 * drops the head that some tools write for tied embeddings.
 * @throws LatteFlowError `checkpoint-invalid` if two tensors mean the same parameter
 */
export function canonicalWeights<T>(
  weights: Iterable<readonly [string, T]>,
  config: VisionLanguageConfig,
): Map<string, T> {
  const { spellings } = adapterOf(config);
  return renameWeights(weights, { spellings, tied: config.text.tieWordEmbeddings });
}
