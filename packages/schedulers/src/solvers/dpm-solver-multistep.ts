import { refuseArgument, requireInteger, requireOneOf } from '@latte-flow/core';

import { exponentialMultistep, fewerAtEnd } from './exponential-multistep.ts';
import type { Solver } from './solver.ts';

export interface DpmSolverMultistepOptions {
  /** 1, 2 or 3. Default 2. */
  readonly order?: number;
  /** How order 2 weights the slope of the data prediction: by half the step, or exactly. Default 'midpoint'. */
  readonly solverType?: 'midpoint' | 'heun';
  /** SDE-DPM-Solver++, which draws noise in every step. Default false. */
  readonly stochastic?: boolean;
  /** Take the last step with order 1 and the one before with at most 2. Default: in grids of fewer than 15 steps. */
  readonly lowerOrderFinal?: boolean;
  /** Take the last step with order 1. One that ends in the data is so always. Default false. */
  readonly eulerAtFinal?: boolean;
  /**
   * diffusers' third order with noise subtracts 1/2 in the weight of the curvature instead of adding it ('upstream'), which
   * is wrong by a term that does not vanish with the step. Default 'corrected'.
   */
  readonly sde3Sign?: 'corrected' | 'upstream';
  /**
   * Weight the curvature of order 3 exactly. The published form weights it by half of that and converges with order 2 only.
   * Default false.
   */
  readonly exactThirdOrder?: boolean;
}

/**
 * DPM-Solver++ and SDE-DPM-Solver++, multistep (arXiv 2211.01095; diffusers' `DPMSolverMultistepScheduler`): one evaluation a
 * step. A first step is of order 1, so that the third order shows where it is short. Grids of sigmas or times; without noise
 * in either direction.
 * @throws LatteFlowError `invalid-argument` for an option outside its list, or `exactThirdOrder` with the upstream sign.
 */
export function dpmSolverMultistep({
  order = 2,
  solverType = 'midpoint',
  stochastic = false,
  lowerOrderFinal,
  eulerAtFinal = false,
  sde3Sign = 'corrected',
  exactThirdOrder = false,
}: DpmSolverMultistepOptions = {}): Solver {
  const where = 'dpmSolverMultistep';
  requireInteger(where, 'order', order, { min: 1, max: 3 });
  requireOneOf(where, 'solverType', solverType, ['midpoint', 'heun']);
  const upstream = requireOneOf(where, 'sde3Sign', sde3Sign, ['corrected', 'upstream']) === 'upstream';
  if (upstream && exactThirdOrder) {
    refuseArgument({
      where,
      expected: 'one form of order 3',
      got: "exactThirdOrder and sde3Sign 'upstream'",
      remedy: 'Leave one of them out.',
    });
  }
  return exponentialMultistep({
    name: `${stochastic ? 'sde-' : ''}dpm-solver-multistep`,
    order: order === 3 && !exactThirdOrder ? 2 : order,
    stochastic,
    tau: () => Number(stochastic),
    most: (step) =>
      eulerAtFinal && step.index === step.count - 1 ? 1 : fewerAtEnd(step, lowerOrderFinal ?? step.count < 15),
    predictor: {
      predictions: order,
      moments: (count, { moment }) => {
        if (count < 2) return [solverType === 'heun' ? moment(1) : moment(0) / 2];
        return [moment(1), exactThirdOrder ? moment(2) : moment(2) / 2 - Number(upstream && stochastic)];
      },
    },
  });
}
