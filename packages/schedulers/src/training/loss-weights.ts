import { requireFinite, requireOneOf, requirePositive } from '@latte-flow/core';

import { type AffineMean, refuseTime } from '../paths/path.ts';
import { cosmapWeight } from './cosmap.ts';

/**
 * The weight of a squared error at a noise level, by diffusers' `weighting_scheme`: `none` 1, `sigma_sqrt` sigma^-2 (its name
 * misleads), `cosmap` 2 / (pi (1 - 2 sigma + 2 sigma^2)).
 * @throws LatteFlowError `invalid-argument` for another name, sigma outside [0, 1], or 0 with `sigma_sqrt`.
 */
export function lossWeight(weighting: 'none' | 'sigma_sqrt' | 'cosmap', sigma: number): number {
  requireOneOf('lossWeight', 'weighting', weighting, ['none', 'sigma_sqrt', 'cosmap']);
  requireFinite('lossWeight', 'sigma', sigma, { min: 0, max: 1 });
  if (weighting === 'cosmap') return cosmapWeight(sigma);
  return weighting === 'none' ? 1 : requirePositive('lossWeight', 'sigma', sigma) ** -2;
}

/**
 * SiT's weights of the squared error of a network that predicts the noise of a path: with
 * r = alpha' / alpha sigma - sigma', `velocity` is r^2 (the loss of the velocity that follows from the noise) and `likelihood`
 * r / sigma.
 * @throws LatteFlowError `invalid-argument` for t outside [0, 1] or where the weight is infinite: t = 0, and t = 1 for
 * `likelihood`.
 */
export function noiseLossWeight(
  path: AffineMean,
  { time, weighting }: { readonly time: number; readonly weighting: 'velocity' | 'likelihood' },
): number {
  const where = 'noiseLossWeight';
  requireOneOf(where, 'weighting', weighting, ['velocity', 'likelihood']);
  requireFinite(where, 'time', time, { min: 0, max: 1 });
  const sigma = path.sigma(time);
  const ratio = (path.alphaDerivative(time) / path.alpha(time)) * sigma - path.sigmaDerivative(time);
  const weight = weighting === 'velocity' ? ratio * ratio : ratio / sigma;
  return Number.isFinite(weight) ? weight : refuseTime(where, `the ${weighting} weight is finite`, time);
}
