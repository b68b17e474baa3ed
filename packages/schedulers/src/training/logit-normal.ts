import { refuseArgument, requireFinite } from '@latte-flow/core';

import { normalCdf, normalInverseCdf, normalPdf } from '../distributions/normal.ts';
import type { TimeDensity } from './time-density.ts';

export interface LogitNormalOptions {
  /** Mean of logit(t); above 0 favours times near the data. Default 0. */
  readonly mean?: number;
  /** Standard deviation of logit(t), > 0. Default 1. */
  readonly std?: number;
}

/**
 * t = 1 / (1 + exp(-(mean + std z))) with z standard normal (Esser et al., "Scaling rectified flow transformers", 2024,
 * section 3.1), with t running from noise to data.
 * @throws LatteFlowError `invalid-argument` unless `mean` is finite and `std` > 0.
 */
export function logitNormalDensity({ mean = 0, std = 1 }: LogitNormalOptions = {}): TimeDensity {
  requireFinite('logitNormalDensity', 'mean', mean);
  requireFinite('logitNormalDensity', 'std', std);
  if (std <= 0) {
    refuseArgument({
      where: 'logitNormalDensity',
      expected: 'std > 0',
      got: String(std),
      remedy: 'Pass a positive standard deviation; 1 is usual.',
      data: { std },
    });
  }
  const standardised = (time: number) => (Math.log(time / (1 - time)) - mean) / std;
  return {
    name: 'logit-normal',
    pdf: (time) => (time > 0 && time < 1 ? normalPdf(standardised(time)) / (std * time * (1 - time)) : 0),
    cdf: (time) => (time <= 0 ? 0 : time >= 1 ? 1 : normalCdf(standardised(time))),
    inverseCdf: (u) => 1 / (1 + Math.exp(-(mean + std * normalInverseCdf(u)))),
  };
}
