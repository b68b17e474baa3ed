import {
  openFileStore,
  openWeights,
  readJson,
  subfolderOf,
  type FileStore,
  type StoredTensor,
} from '@latte-flow/checkpoint';
import type { OnProgress } from '@latte-flow/core';
import {
  expertGroups,
  intervalOfGroup,
  layerFlops,
  layersOfGroup,
  planSampling,
  samplingCost,
} from '@latte-flow/expert-router';
import {
  BACKBONE_FOLDER,
  generationStreamShapes,
  layerOfParameter,
  layersPerGroup,
  parseLatteFlowConfig,
  serialiseLatteFlowConfig,
  tokenGrid,
  type LatteFlowConfig,
} from '@latte-flow/model';
import { timesOfSigmas, uniformSigmas } from '@latte-flow/schedulers';
import {
  adapterOf,
  canonicalWeights,
  parameterShapes,
  parseVisionLanguageConfig,
  visionLanguageConfigToJson,
} from '@latte-flow/vlm';

import { generationDefaults } from '../generation-defaults.ts';
import { countParts, requireTensors } from './parts.ts';

/** Branches of a guided step. */
const BRANCHES = 2;

/** Names, dtypes and shapes only: no weight is read. */
async function storedTensors(
  store: FileStore,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const { tensors, close } = await openWeights(store, { signal });
  await close();
  return tensors;
}

async function inspectBackbone(store: FileStore, signal: AbortSignal | undefined) {
  const config = parseVisionLanguageConfig(await readJson(store, 'config.json', { signal }));
  const weights = canonicalWeights(await storedTensors(store, signal), config);
  requireTensors(weights, parameterShapes(config), store.location);
  const { decoderPrefix } = adapterOf(config);
  const isLanguage = (name: string): boolean => name.startsWith(`${decoderPrefix}.`) || name.startsWith('lm_head.');
  const parts = countParts(weights, (name) => (isLanguage(name) ? 'backbone language' : 'backbone vision'));
  return { config, parts };
}

async function inspectStream(store: FileStore, signal: AbortSignal | undefined) {
  const config = parseLatteFlowConfig(await readJson(store, 'config.json', { signal }));
  const weights = await storedTensors(store, signal);
  requireTensors(weights, generationStreamShapes(config), store.location);
  const parts = countParts(weights, (name) => {
    const layer = layerOfParameter(name);
    return layer === undefined ? 'stream shared' : `stream group ${Math.floor(layer / layersPerGroup(config))}`;
  });
  return { config, parts };
}

function planOf(config: LatteFlowConfig) {
  const { numLayers: layers, numGroups, boundaries, hiddenSize, intermediateSize, headDim } = config;
  const groups = expertGroups({ layers, groups: numGroups, boundaries });
  const { steps, guidanceScale, solver } = generationDefaults;
  const plan = planSampling(groups, { times: timesOfSigmas(uniformSigmas(steps)) });
  const { tokens } = tokenGrid(config);
  const { numHeads: heads, numKvHeads: kvHeads } = config;
  const flopsPerLayer = layerFlops({ hiddenSize, intermediateSize, heads, kvHeads, headDim, tokens });
  const indices = Array.from({ length: numGroups }, (_, group) => group);
  return {
    groups: indices.map((group) => ({
      group,
      layers: layersOfGroup(groups, group),
      interval: intervalOfGroup(groups, group),
      steps: plan.steps.filter((step) => step.group === group).length,
    })),
    plan: {
      steps,
      guidance: guidanceScale,
      solver,
      ...samplingCost(plan, { evaluationsPerStep: BRANCHES, flopsPerLayer }),
      warnings: plan.warnings.map(({ message }) => message),
    },
  };
}

type Part = ReturnType<typeof countParts>[number];

function sizeOf(parts: readonly Part[]) {
  const sum = (field: 'parameters' | 'bytes'): number => parts.reduce((total, part) => total + part[field], 0);
  return { parts, parameters: sum('parameters'), bytes: sum('bytes') };
}

async function inspectCoupled(store: FileStore, signal: AbortSignal | undefined) {
  const stream = await inspectStream(store, signal);
  const backbone = await inspectBackbone(subfolderOf(store, BACKBONE_FOLDER), signal);
  return {
    config: serialiseLatteFlowConfig(stream.config),
    backbone: visionLanguageConfigToJson(backbone.config),
    ...sizeOf([...stream.parts, ...backbone.parts]),
    ...planOf(stream.config),
  };
}

/** A vision-language model alone, as the Hub has them. */
async function inspectAlone(store: FileStore, signal: AbortSignal | undefined) {
  const { config, parts } = await inspectBackbone(store, signal);
  return { backbone: visionLanguageConfigToJson(config), ...sizeOf(parts) };
}

export type CoupledSummary = { readonly model: string } & Awaited<ReturnType<typeof inspectCoupled>>;
export type AloneSummary = { readonly model: string } & Awaited<ReturnType<typeof inspectAlone>>;
export type ModelSummary = CoupledSummary | AloneSummary;

/**
 * What a checkpoint folder holds, without loading it to a device: configs, parameters by part and dtype, and of a model
 * that makes pictures the groups and what a picture costs with the default settings. A model of the Hub is brought into
 * the cache.
 * @throws LatteFlowError `file-not-found`, `checkpoint-invalid`, `checkpoint-mismatch` if configs and weights disagree
 */
export async function inspectModel(
  location: string,
  options: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress } = {},
): Promise<ModelSummary> {
  const { signal } = options;
  const store = await openFileStore(location, options);
  const isCoupled = await store.exists(`${BACKBONE_FOLDER}/config.json`);
  return { model: location, ...(await (isCoupled ? inspectCoupled(store, signal) : inspectAlone(store, signal))) };
}
