import {
  openFileStore,
  openWeights,
  readJson,
  subfolderOf,
  type FileStore,
  type StoredTensor,
} from '@latte-flow/checkpoint';
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
  const parts = countParts(weights, (name) => (name.startsWith('visual.') ? 'backbone vision' : 'backbone language'));
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

/**
 * What a checkpoint folder holds, without loading it to a device: configs, parameters by part and dtype, groups, and
 * what a picture costs with the default settings.
 * @throws LatteFlowError `file-not-found`, `checkpoint-invalid`, `checkpoint-mismatch` if configs and weights disagree
 */
export async function inspectModel(location: string, { signal }: { readonly signal?: AbortSignal } = {}) {
  const store = await openFileStore(location);
  const stream = await inspectStream(store, signal);
  const backbone = await inspectBackbone(subfolderOf(store, BACKBONE_FOLDER), signal);
  const parts = [...stream.parts, ...backbone.parts];
  const sum = (field: 'parameters' | 'bytes'): number => parts.reduce((total, part) => total + part[field], 0);
  return {
    model: location,
    config: serialiseLatteFlowConfig(stream.config),
    backbone: visionLanguageConfigToJson(backbone.config),
    parts,
    parameters: sum('parameters'),
    bytes: sum('bytes'),
    ...planOf(stream.config),
  };
}

export type ModelSummary = Awaited<ReturnType<typeof inspectModel>>;
