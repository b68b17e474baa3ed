import { describeValue, refuseArgument, requireInteger } from '@latte-flow/core';

/** L layers cut into K groups of M = L / K; group k owns the times [b_k, b_{k+1}). Frozen data. */
export interface ExpertGroups {
  /** L */
  readonly layers: number;
  /** K */
  readonly groups: number;
  /** M = L / K */
  readonly layersPerGroup: number;
  /** b_0 = 0 < … < b_K = 1; time runs from noise (0) to data (1). */
  readonly boundaries: readonly number[];
}

export interface ExpertGroupsOptions {
  readonly layers: number;
  /** 1 is the vanilla model: every step runs all layers. */
  readonly groups: number;
  /** K + 1 ascending times from 0 to 1. Default: K intervals of one width. */
  readonly boundaries?: readonly number[];
}

/** The layers `first` to `end - 1`. */
export type LayerRange = readonly [first: number, end: number];

/** Two boundaries closer than this cannot be told apart by `groupOfTime`, which snaps at 1e-6. */
const NARROWEST = 1e-5;

/**
 * Cuts layers into groups and [0, 1] into their intervals (LaTtE-Flow, arXiv 2506.06952, layerwise timestep experts).
 *
 * @throws LatteFlowError `invalid-argument` if K < 1, L is not divisible by K, or the boundaries are not K + 1 ascending
 * times that start at 0 and end at 1 (names the index).
 */
export function expertGroups({ layers, groups, boundaries }: ExpertGroupsOptions): ExpertGroups {
  requireInteger('expertGroups', 'groups', groups, { min: 1 });
  requireInteger('expertGroups', 'layers', layers, { min: 1 });
  if (layers % groups !== 0) {
    refuseArgument({
      where: 'expertGroups',
      expected: 'layers to be divisible by groups',
      got: `${layers} layers in ${groups} groups`,
      remedy: `Choose a divisor of ${layers} as groups.`,
      data: { layers, groups },
    });
  }
  const bounds = boundaries ?? Array.from({ length: groups + 1 }, (_, k) => k / groups);
  requireBoundaries(bounds, groups);
  return Object.freeze({
    layers,
    groups,
    layersPerGroup: layers / groups,
    boundaries: Object.freeze([...bounds]),
  });
}

function requireBoundaries(boundaries: readonly number[], groups: number): void {
  const refuse = (expected: string, got: string, index?: number): never =>
    refuseArgument({
      where: 'expertGroups',
      expected,
      got,
      remedy: `Pass ${groups + 1} ascending times from 0 to 1, or leave boundaries out for uniform ones.`,
      data: { boundaries, groups, index },
    });
  if (!Array.isArray(boundaries) || boundaries.length !== groups + 1) {
    refuse(`${groups + 1} boundaries for ${groups} groups`, describeValue(boundaries));
  }
  if (boundaries[0] !== 0) refuse('boundaries[0] to be 0', describeValue(boundaries[0]), 0);
  if (boundaries[groups] !== 1) {
    refuse(`boundaries[${groups}] to be 1`, describeValue(boundaries[groups]), groups);
  }
  for (let k = 1; k <= groups; k++) {
    // Written so that NaN is refused too.
    if (boundaries[k]! - boundaries[k - 1]! >= NARROWEST) continue;
    refuse(
      `boundaries[${k}] to exceed the one before by at least ${NARROWEST}`,
      `${describeValue(boundaries[k])} after ${describeValue(boundaries[k - 1])}`,
      k,
    );
  }
}

/**
 * The layers of a group.
 * @throws LatteFlowError `invalid-argument` unless `group` is an integer in [0, K - 1].
 */
export function layersOfGroup({ groups, layersPerGroup }: ExpertGroups, group: number): LayerRange {
  requireInteger('layersOfGroup', 'group', group, { min: 0, max: groups - 1 });
  return [group * layersPerGroup, (group + 1) * layersPerGroup];
}

/**
 * The times [b_k, b_{k+1}) of a group; the last one owns 1 too.
 * @throws LatteFlowError `invalid-argument` unless `group` is an integer in [0, K - 1].
 */
export function intervalOfGroup({ groups, boundaries }: ExpertGroups, group: number): readonly [number, number] {
  requireInteger('intervalOfGroup', 'group', group, { min: 0, max: groups - 1 });
  return [boundaries[group]!, boundaries[group + 1]!];
}
