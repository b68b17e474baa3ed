import { requireFinite, requirePositive } from '@latte-flow/core';

import type { TimeDensity } from './time-density.ts';

/**
 * Times of any density, shifted as sigma grids are: t -> shift t / (1 + (shift - 1) t). Above 1 towards the data, below 1
 * towards the noise; the shift k of sigmas (3 for Stable Diffusion 3) is 1 / k of times.
 * @throws LatteFlowError `invalid-argument` unless `shift` > 0.
 */
export function shiftedDensity({ name, pdf, cdf, inverseCdf }: TimeDensity, shift: number): TimeDensity {
  const k = requirePositive('shiftedDensity', 'shift', shift);
  const shifted = (time: number, by: number) => (by * time) / (by * time + (1 - time));
  return {
    name: `${name} shifted by ${k}`,
    pdf: (time) => (time < 0 || time > 1 ? 0 : (pdf(shifted(time, 1 / k)) * k) / (k - (k - 1) * time) ** 2),
    cdf: (time) => (time <= 0 ? 0 : time >= 1 ? 1 : cdf(shifted(time, 1 / k))),
    inverseCdf: (u) => shifted(inverseCdf(u), k),
  };
}

/**
 * Times of any density, put into a part of [0, 1]: t -> scale t + offset.
 * @throws LatteFlowError `invalid-argument` unless `scale` > 0 and that part is inside [0, 1].
 */
export function affineDensity(
  { name, pdf, cdf, inverseCdf }: TimeDensity,
  { scale, offset }: { readonly scale: number; readonly offset: number },
): TimeDensity {
  requirePositive('affineDensity', 'scale', scale);
  requireFinite('affineDensity', 'offset', offset, { min: 0 });
  // To float32: 0.999 + 0.001 may round to more than 1.
  requireFinite('affineDensity', 'scale + offset', Math.fround(scale + offset), { max: 1 });
  return {
    name: `${scale} ${name} + ${offset}`,
    pdf: (time) => pdf((time - offset) / scale) / scale,
    cdf: (time) => cdf((time - offset) / scale),
    inverseCdf: (u) => Math.min(1, scale * inverseCdf(u) + offset),
  };
}

/** The density of 1 - t: for densities of sigma, or of a time that runs from data to noise. */
export function reversedDensity({ name, pdf, cdf, inverseCdf }: TimeDensity): TimeDensity {
  return {
    name: `reversed ${name}`,
    pdf: (time) => pdf(1 - time),
    cdf: (time) => 1 - cdf(1 - time),
    inverseCdf: (u) => 1 - inverseCdf(1 - u),
  };
}
