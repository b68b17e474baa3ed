import { describeValue, refuseArgument, requireOneOf } from '@latte-flow/core';

/**
 * Accidents of diffusers that a schedule can reproduce. The defaults are what the classes were meant to do; give
 * `upstreamCompat` to get the numbers of diffusers 0.40 instead.
 *
 * | flag | default | what the other value reproduces |
 * |---|---|---|
 * | `doubleShift` | false | FlowMatchEuler, Heun, LCM (and LTX without sigmas): the default grid runs between ends that are shifted already, and is shifted again (diffusers issue 13243) |
 * | `truncatedTimesteps` | false | DPM-Solver, UniPC, DEIS, SA: the timesteps that the network sees are cut to integers, sigma 0.9639 gives 963 |
 * | `unipcGrid` | 'v0.37' | 'v0.36': UniPC takes the grid of DPM-Solver, from 0.999 |
 * | `sde3Sign` | 'corrected' | 'upstream': a wrong sign in SDE-DPM-Solver++ of order 3, and in single steps of type heun |
 * | `terminalSigma` | 'zero' | 'upstream': DEIS and SA end with their last sigma twice, and leave its noise in the sample |
 * | `bh1LastStep` | 'limit' | none: UniPC's bh1 gives NaN at sigma 0 upstream, here always the limit, the data prediction |
 * | `customTimesteps` | 'v0.40' | 'v0.39': custom timesteps reach the network as given, while their sigmas are shifted (always so for LCM) |
 */
export interface DiffusersCompat {
  readonly doubleShift?: boolean;
  readonly truncatedTimesteps?: boolean;
  readonly unipcGrid?: 'v0.36' | 'v0.37';
  readonly sde3Sign?: 'upstream' | 'corrected';
  readonly terminalSigma?: 'upstream' | 'zero';
  readonly bh1LastStep?: 'limit';
  readonly customTimesteps?: 'v0.39' | 'v0.40';
}

/** What diffusers 0.40 does, accidents included. */
export const upstreamCompat: DiffusersCompat = {
  doubleShift: true,
  truncatedTimesteps: true,
  sde3Sign: 'upstream',
  terminalSigma: 'upstream',
};

const values: Readonly<Record<keyof DiffusersCompat, readonly unknown[]>> = {
  doubleShift: [false, true],
  truncatedTimesteps: [false, true],
  unipcGrid: ['v0.36', 'v0.37'],
  sde3Sign: ['upstream', 'corrected'],
  terminalSigma: ['upstream', 'zero'],
  bh1LastStep: ['limit'],
  customTimesteps: ['v0.39', 'v0.40'],
};

/** Refuses flags and values that do not exist. */
export function requireCompat(where: string, compat: DiffusersCompat): DiffusersCompat {
  const flags = Object.keys(values) as (keyof DiffusersCompat)[];
  for (const [name, value] of Object.entries(compat)) {
    const known = values[requireOneOf(where, 'the compat flag', name, flags)];
    if (value === undefined || known.includes(value)) continue;
    refuseArgument({
      where,
      expected: `compat.${name} to be one of ${known.join(', ')}`,
      got: describeValue(value),
      remedy: 'Correct it, or leave it out.',
    });
  }
  return compat;
}
