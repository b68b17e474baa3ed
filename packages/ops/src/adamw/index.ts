import { requireShape } from '@latte-flow/core';
import type { Rank, Scalar, Tensor1D, Variable } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { adamWPortable, movingAveragePortable } from './portable.ts';
import { adamWWebGPU, movingAverageWebGPU } from './webgpu.ts';

/** Flat vectors `[length]` of many parameters, all changed by an update. */
export interface AdamWState {
  readonly weights: Variable<Rank.R1>;
  readonly firstMoment: Variable<Rank.R1>;
  readonly secondMoment: Variable<Rank.R1>;
  /** Follows the weights: a <- a + averageRate (w - a). */
  readonly average?: Variable<Rank.R1>;
}

export interface AdamWUpdate {
  readonly learningRate: number;
  /** Which update of these weights it is, from 1. */
  readonly step: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
  /** `[length]`, 1 where weights decay, 0 where not. Default: all decay. */
  readonly decayMask?: Tensor1D;
  /** Every gradient is multiplied by this first. */
  readonly factor: Scalar;
  /** Default 0. */
  readonly averageRate?: number;
}

/** The host's numbers of one update, in float64. */
export interface UpdateNumbers {
  /** lr c / (1 - b1^t). */
  readonly stepSize: number;
  /** eps c: both bias corrections go to numbers, sqrt(v_hat) + eps = (sqrt(v) + eps c) / c with c = sqrt(1 - b2^t). */
  readonly epsilon: number;
  /** lr wd. */
  readonly decay: number;
}

function updateNumbers({ learningRate, step, betas, epsilon, weightDecay }: AdamWUpdate): UpdateNumbers {
  const correction = Math.sqrt(1 - betas[1] ** step);
  return {
    stepSize: (learningRate * correction) / (1 - betas[0] ** step),
    epsilon: epsilon * correction,
    decay: learningRate * weightDecay,
  };
}

/**
 * One update of AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization") with torch.optim.AdamW's arithmetic,
 * and of a moving average beside it, in place; one dispatch on WebGPU. With g = factor gradient: w <- w (1 - lr wd);
 * m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; w <- w - lr m_hat / (sqrt(v_hat) + eps), m_hat = m / (1 - b1^t),
 * v_hat = v / (1 - b2^t); a <- a + averageRate (w - a).
 *
 * @param state changed; no other tensor may share its memory
 * @param gradient `[length]`, borrowed
 * @throws LatteFlowError `shape-mismatch`
 */
export function adamW(state: AdamWState, gradient: Tensor1D, update: AdamWUpdate): void {
  const { weights, firstMoment, secondMoment, average } = state;
  const vectors = { firstMoment, secondMoment, average, gradient, decayMask: update.decayMask };
  for (const [name, vector] of Object.entries(vectors)) {
    if (vector !== undefined) requireShape('adamW', name, vector.shape, weights.shape);
  }
  kernelOr(
    [gradient],
    () => adamWWebGPU(state, gradient, { ...update, ...updateNumbers(update) }),
    () => adamWPortable(state, gradient, { ...update, ...updateNumbers(update) }),
  );
}

/**
 * average <- average + rate (values - average), in place; one dispatch on WebGPU.
 *
 * @param average `[length]`, changed; no other tensor may share its memory
 * @param values `[length]`, borrowed
 * @throws LatteFlowError `shape-mismatch`
 */
export function movingAverage(average: Variable<Rank.R1>, values: Tensor1D, rate: Scalar): void {
  requireShape('movingAverage', 'values', values.shape, average.shape);
  kernelOr(
    [values],
    () => movingAverageWebGPU(average, values, rate),
    () => movingAveragePortable(average, values, rate),
  );
}
