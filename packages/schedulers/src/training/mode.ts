import { requireFinite } from '@latte-flow/core';

import type { TimeDensity } from './time-density.ts';

const LARGEST = 2 / (Math.PI - 2);

/**
 * Mode sampling with heavy tails (Esser et al., 2024, section 3.1), symmetric around 1/2: with q uniform,
 * t = q - scale (sin^2(pi q / 2) - q). Scales above 0 favour the middle, below 0 the ends; 0 is uniform. The density is
 * infinite at 1/2 for the largest scale.
 * @param scale kappa, in [-1, 2 / (pi - 2)], where the map is monotone. Default 1.29, that of Stable Diffusion 3.
 * @throws LatteFlowError `invalid-argument` for another scale.
 */
export function modeDensity({ scale = 1.29 }: { readonly scale?: number } = {}): TimeDensity {
  requireFinite('modeDensity', 'scale', scale, { min: -1, max: LARGEST });
  const time = (q: number) => q - scale * (Math.sin((Math.PI * q) / 2) ** 2 - q);
  const slope = (q: number) => 1 + scale - scale * (Math.PI / 2) * Math.sin(Math.PI * q);

  /** Halving is safe where the slope is 0, and a cdf is wanted of few times. */
  function cdf(target: number): number {
    let [low, high] = [0, 1];
    for (let i = 0; i < 100; i++) {
      const middle = (low + high) / 2;
      if (time(middle) < target) low = middle;
      else high = middle;
    }
    return high;
  }

  return {
    name: 'mode',
    pdf: (t) => (t > 0 && t < 1 ? 1 / slope(cdf(t)) : 0),
    cdf: (t) => (t <= 0 ? 0 : t >= 1 ? 1 : cdf(t)),
    inverseCdf: (u) => Math.min(1, Math.max(0, time(u))),
  };
}
