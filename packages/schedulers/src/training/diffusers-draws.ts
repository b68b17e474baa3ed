import { requireFinite, requireInteger, requireOneOf } from '@latte-flow/core';

/** `weighting_scheme` of diffusers' training scripts. */
export type DiffusersScheme = (typeof schemes)[number];
const schemes = ['none', 'sigma_sqrt', 'cosmap', 'logit_normal', 'mode'] as const;

export interface DiffusersDrawOptions {
  /** A standard normal for `logit_normal`, for all others a uniform of [0, 1]. */
  readonly draw: number;
  /** Default 0; above 0 towards the data. */
  readonly logitMean?: number;
  /** Default 1. */
  readonly logitStd?: number;
  /** Any number, also one at which the map is not monotone. Default 1.29. */
  readonly modeScale?: number;
}

/**
 * The u of diffusers' `compute_density_for_timestep_sampling` for a draw of the caller's: a time, 0 noise to 1 data,
 * as the scripts' timesteps descend. `mode` runs backwards: 1 - u - s (cos^2(pi u / 2) - 1 + u).
 * @throws LatteFlowError `invalid-argument` for another scheme or a number that is not finite.
 */
export function diffusersTime(
  scheme: DiffusersScheme,
  { draw, logitMean = 0, logitStd = 1, modeScale = 1.29 }: DiffusersDrawOptions,
): number {
  const where = 'diffusersTime';
  requireOneOf(where, 'scheme', scheme, schemes);
  if (scheme === 'logit_normal') {
    const logit = requireFinite(where, 'logitMean', logitMean) + requireFinite(where, 'logitStd', logitStd) * draw;
    return 1 / (1 + Math.exp(-requireFinite(where, 'draw', logit)));
  }
  const u = requireFinite(where, 'draw', draw, { min: 0, max: 1 });
  if (scheme !== 'mode') return u;
  const cosine = Math.cos((Math.PI * u) / 2);
  return 1 - u - requireFinite(where, 'modeScale', modeScale) * (cosine * cosine - 1 + u);
}

/**
 * int(u T), the index into diffusers' T descending training timesteps; sigma there is (T - index) / T before any shift.
 * Where a rounding made u 1 it is the last index.
 * @throws LatteFlowError `invalid-argument` unless u is in [0, 1] and T an integer >= 1.
 */
export function diffusersTimestepIndex(u: number, trainTimesteps = 1000): number {
  requireFinite('diffusersTimestepIndex', 'u', u, { min: 0, max: 1 });
  requireInteger('diffusersTimestepIndex', 'trainTimesteps', trainTimesteps, { min: 1 });
  return Math.min(trainTimesteps - 1, Math.trunc(u * trainTimesteps));
}
