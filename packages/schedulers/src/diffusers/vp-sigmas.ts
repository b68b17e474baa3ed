import { requireOneOf } from '@latte-flow/core';

import { linspace } from './schedule.ts';
import type { Settings } from './scheduler-classes.ts';

/** 1 - beta at each step of a variance-preserving schedule. */
function keptShares({
  num_train_timesteps: steps,
  trained_betas,
  beta_schedule,
  ...ends
}: Settings): readonly number[] {
  if (trained_betas) return trained_betas.map((beta) => 1 - beta);
  const power = { linear: 1, scaled_linear: 2, squaredcos_cap_v2: 0 }[
    requireOneOf('fromDiffusersConfig', 'beta_schedule', beta_schedule, [
      'linear',
      'scaled_linear',
      'squaredcos_cap_v2',
    ])
  ];
  if (power > 0) {
    return linspace(ends.beta_start ** (1 / power), ends.beta_end ** (1 / power), steps).map((b) => 1 - b ** power);
  }
  const kept = (time: number) => Math.cos(((time + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  return Array.from({ length: steps }, (_, i) => 1 - Math.min(1 - kept((i + 1) / steps) / kept(i / steps), 0.999));
}

/**
 * The ends of the EDM sigmas sqrt((1 - a) / a) of the variance-preserving schedule that a multistep config has besides its
 * flow: upstream takes a terminal sigma and the range of a spacing from there.
 */
export function vpSigmaEnds(settings: Settings): { readonly min: number; readonly max: number } {
  const shares = keptShares(settings);
  const sigma = (share: number) => Math.sqrt((1 - share) / share);
  return { min: sigma(shares[0]!), max: sigma(shares.reduce((product, share) => product * share, 1)) };
}
