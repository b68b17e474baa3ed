import type { TimeDensity } from './time-density.ts';

/**
 * CosMap (Esser et al., 2024, section 3.1): times whose log signal-to-noise ratio is distributed as under a cosine path,
 * t = 1 - 1 / (tan(pi u / 2) + 1), symmetric around 1/2. Its pdf is diffusers' `cosmap` loss weight.
 */
export const cosmapDensity: TimeDensity = {
  name: 'cosmap',
  pdf: (time) => (time >= 0 && time <= 1 ? cosmapWeight(time) : 0),
  cdf: (time) => (time <= 0 ? 0 : time >= 1 ? 1 : (2 / Math.PI) * Math.atan2(time, 1 - time)),
  inverseCdf(u) {
    const [sine, cosine] = [Math.sin((Math.PI * u) / 2), Math.sin((Math.PI * (1 - u)) / 2)];
    return sine / (sine + cosine);
  },
};

/** 2 / (pi (1 - 2 x + 2 x^2)), the same for x and 1 - x. */
export function cosmapWeight(x: number): number {
  return 2 / (Math.PI * (x * x + (1 - x) * (1 - x)));
}
