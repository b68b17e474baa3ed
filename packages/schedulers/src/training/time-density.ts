import { describeValue, refuseArgument, requireFinite } from '@latte-flow/core';

/** A density of training times over [0, 1], 0 noise to 1 data. All figures are float64. */
export interface TimeDensity {
  readonly name: string;
  pdf(time: number): number;
  cdf(time: number): number;
  /** The t with cdf(t) = u, for u in [0, 1]. */
  inverseCdf(u: number): number;
}

/** From `start` to `end`, in [0, 1]. */
export type Interval = readonly [start: number, end: number];

/**
 * A density conditioned on an interval: pdf / mass inside, 0 outside; inverse u -> F^-1(F(a) + u (F(b) - F(a))), kept inside
 * the interval against rounding.
 * @throws LatteFlowError `invalid-argument` unless 0 <= start < end <= 1 and the density has mass in between.
 */
export function restrictDensity(density: TimeDensity, [start, end]: Interval): TimeDensity {
  const where = 'restrictDensity';
  requireFinite(where, 'interval[0]', start, { min: 0, max: 1 });
  requireFinite(where, 'interval[1]', end, { min: 0, max: 1 });
  const below = density.cdf(start);
  const mass = density.cdf(end) - below;
  if (!(start < end && mass > 0)) {
    refuseArgument({
      where,
      expected: 'an interval [start, end] with start < end on which the density has mass',
      got: describeValue([start, end]),
      remedy: 'Choose a wider interval, or a density that reaches it.',
      data: { interval: [start, end], mass },
    });
  }
  const inside = (time: number) => time >= start && time <= end;
  return {
    name: `${density.name} on [${start}, ${end}]`,
    pdf: (time) => (inside(time) ? density.pdf(time) / mass : 0),
    cdf: (time) => (time <= start ? 0 : time >= end ? 1 : (density.cdf(time) - below) / mass),
    inverseCdf: (u) => Math.min(end, Math.max(start, density.inverseCdf(below + u * mass))),
  };
}

export interface DrawOptions {
  /** Numbers in [0, 1], one for each time wanted, e.g. `uniformNoise` of @latte-flow/core. */
  readonly uniforms: ArrayLike<number>;
  /** Draw from the density conditioned on this interval. */
  readonly interval?: Interval;
}

/**
 * Training times by inverse CDF: the same uniforms give the same times.
 * @throws LatteFlowError `invalid-argument` for a uniform outside [0, 1] (names the index) or a bad interval.
 */
export function drawTimes(density: TimeDensity, { uniforms, interval }: DrawOptions): Float64Array {
  const drawn = interval === undefined ? density : restrictDensity(density, interval);
  return Float64Array.from(uniforms, (u, i) =>
    drawn.inverseCdf(requireFinite('drawTimes', `uniforms[${i}]`, u, { min: 0, max: 1 })),
  );
}
