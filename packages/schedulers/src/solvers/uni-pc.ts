import { requireInteger, requireOneOf } from '@latte-flow/core';

import { exponentialMultistep, fewerAtEnd, type Moments } from './exponential-multistep.ts';
import { exactMoments } from './exponential-step.ts';
import type { Solver } from './solver.ts';

export interface UniPCOptions {
  /** 1, 2 or 3. Default 2. */
  readonly order?: number;
  /** B(h) of the paper: h or exp(h) - 1. It matters where one difference of predictions is weighted. Default 'bh2'. */
  readonly solverType?: 'bh1' | 'bh2';
  /** Steps of the grid, from 0, that are not corrected; true for none at all. Default []. */
  readonly disableCorrector?: readonly number[] | true;
  /** Lower the order in the last steps, down to 1 in the last. Default true. */
  readonly lowerOrderFinal?: boolean;
}

/**
 * UniPC in data predictions (arXiv 2302.04867; diffusers' `UniPCMultistepScheduler`): one evaluation a step, which both corrects
 * the last step and predicts the next. Step 0 of order 1, step 1 of order 2, and so on up to `order`. A step that ends in the
 * data is of order 1, also where upstream divides infinities (bh1, or `lowerOrderFinal` false). Grids of sigmas or times, in
 * either direction.
 * @throws LatteFlowError `invalid-argument` for an option outside its list.
 */
export function uniPC({
  order = 2,
  solverType = 'bh2',
  disableCorrector = [],
  lowerOrderFinal = true,
}: UniPCOptions = {}): Solver {
  requireInteger('uniPC', 'order', order, { min: 1, max: 3 });
  requireOneOf('uniPC', 'solverType', solverType, ['bh1', 'bh2']);
  const moments: Moments = (count, kernel) =>
    count === 1 ? [(solverType === 'bh1' ? kernel.z : kernel.moment(0)) / 2] : exactMoments(count, kernel);
  return exponentialMultistep({
    name: 'uni-pc',
    order: order + Number(disableCorrector !== true && disableCorrector.length === 0),
    most: (step) => fewerAtEnd(step, lowerOrderFinal),
    predictor: { predictions: order, moments },
    corrector:
      disableCorrector === true
        ? undefined
        : { predictions: order, moments, corrects: (index) => !disableCorrector.includes(index) },
  });
}
