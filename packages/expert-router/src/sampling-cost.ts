import { requireFinite, requireInteger } from '@latte-flow/core';

import type { SamplingPlan } from './sampling-plan.ts';

export interface CostOptions {
  /** Forward passes a step: the solver's evaluations times the guidance branches. Default 1. */
  readonly evaluationsPerStep?: number;
  /** FLOPs of one layer for one image, e.g. `layerFlops(shape)`; without it only layers are counted. */
  readonly flopsPerLayer?: number;
}

/** What a plan costs beside the same steps through all layers. */
export interface SamplingCost {
  /** Forward passes in all. */
  readonly evaluations: number;
  /** Layer evaluations of the plan: M a forward pass. */
  readonly layers: number;
  /** Layer evaluations of the vanilla model: L a forward pass. */
  readonly vanillaLayers: number;
  /** FLOPs of those layers for one image, if `flopsPerLayer` was given. */
  readonly flops?: number;
  readonly vanillaFlops?: number;
}

/**
 * Counts the layers that a plan runs, M T for T forward passes where the vanilla model runs L T, and their FLOPs. Patch
 * embedding, time embedding and head come on top and are the same for both.
 *
 * @throws LatteFlowError `invalid-argument` unless `evaluationsPerStep` is an integer >= 1 and `flopsPerLayer` is >= 0.
 */
export function samplingCost(
  { groups, steps }: SamplingPlan,
  { evaluationsPerStep = 1, flopsPerLayer }: CostOptions = {},
): SamplingCost {
  requireInteger('samplingCost', 'evaluationsPerStep', evaluationsPerStep, { min: 1 });
  const evaluations = steps.length * evaluationsPerStep;
  const layers = steps.reduce((sum, step) => sum + (step.layers[1] - step.layers[0]), 0) * evaluationsPerStep;
  const vanillaLayers = evaluations * groups.layers;
  if (flopsPerLayer === undefined) return { evaluations, layers, vanillaLayers };
  requireFinite('samplingCost', 'flopsPerLayer', flopsPerLayer, { min: 0 });
  const flops = layers * flopsPerLayer;
  return { evaluations, layers, vanillaLayers, flops, vanillaFlops: vanillaLayers * flopsPerLayer };
}
