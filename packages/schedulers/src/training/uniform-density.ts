import type { TimeDensity } from './time-density.ts';

const clamp = (value: number) => Math.min(1, Math.max(0, value));

/** Every time of [0, 1] alike. */
export const uniformDensity: TimeDensity = {
  name: 'uniform',
  pdf: (time) => (time >= 0 && time <= 1 ? 1 : 0),
  cdf: clamp,
  inverseCdf: clamp,
};
