import { refuseArgument, requireInteger, requirePositive } from '@latte-flow/core';

import { customSigmas } from '../sigmas/custom.ts';
import { shiftOfMu, shiftSigma } from '../sigmas/shift.ts';
import { betaSigmas, exponentialSigmas, karrasSigmas, type SpacingEnds } from '../sigmas/spacing.ts';
import { stretched } from '../sigmas/terminal-stretch.ts';
import { euler } from '../solvers/euler.ts';
import { heun } from '../solvers/heun.ts';
import { lcm } from '../solvers/lcm.ts';
import type { Solver } from '../solvers/solver.ts';
import type { DiffusersCompat } from './compat.ts';
import { linspace, requireOptions, requireSteps, type ScheduleOptions, type StoredSchedule } from './schedule.ts';
import type { Settings } from './scheduler-classes.ts';
import { type CompleteConfig, type DiffusersWarning, ineffectiveKeys } from './scheduler-config.ts';

/** The spacing that a config asks for, as a function of the number of values and their ends; undefined for none. */
export function spacingOf(where: string, settings: Settings) {
  const given = (
    [
      [settings.use_karras_sigmas, karrasSigmas],
      [settings.use_exponential_sigmas, exponentialSigmas],
      [settings.use_beta_sigmas, betaSigmas],
    ] as readonly (readonly [boolean, (steps: number, ends: SpacingEnds) => readonly number[]])[]
  ).filter(([used]) => used);
  if (given.length < 2) return given[0]?.[1];
  return refuseArgument({
    where,
    expected: 'at most one of use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas',
    got: `${given.length} of them`,
    remedy: 'Set the others to false.',
  });
}

/** Warnings for the keys of the flow-match family. */
export const flowMatchWarnings = (complete: CompleteConfig): readonly DiffusersWarning[] => {
  const { settings } = complete;
  const dynamic = settings.use_dynamic_shifting;
  return ineffectiveKeys(complete, [
    [dynamic, ['shift'], 'with use_dynamic_shifting, where mu decides'],
    [
      !dynamic,
      ['base_shift', 'max_shift', 'base_image_seq_len', 'max_image_seq_len', 'time_shift_type'],
      'without use_dynamic_shifting',
    ],
    [spacingOf('fromDiffusersConfig', settings) === undefined, ['sigma_min', 'sigma_max'], 'without a spacing'],
    [settings.shift_terminal === 0, ['shift_terminal'], 'at 0, which upstream takes for off'],
    [!settings.scale_factors, ['upscale_mode'], 'without scale_factors'],
  ]);
};

export interface FlowMatchOptions {
  readonly settings: Settings;
  readonly compat: DiffusersCompat;
}

/** The sigmas of `set_timesteps` before the terminal one: base, shift, stretch, spacing, in this order. */
export function flowMatchSigmas(
  { settings, compat }: FlowMatchOptions,
  { steps, sigmas, timesteps, mu, shift }: ScheduleOptions,
): readonly number[] {
  const where = 'schedule';
  const count = requireSteps(steps, sigmas, timesteps);
  const trained = requireInteger(where, 'num_train_timesteps', settings.num_train_timesteps, { min: 1 });
  const dynamic = settings.use_dynamic_shifting;
  const configured = requirePositive(where, 'shift', settings.shift);
  const factor = dynamic
    ? shiftOfMu(where, { mu: mu!, type: settings.time_shift_type })
    : requirePositive(where, 'shift', shift ?? configured);
  const end = (sigma: number) => (!dynamic && compat.doubleShift ? shiftSigma(sigma, configured) : sigma);
  const custom = sigmas ?? timesteps?.map((t) => t / trained);
  if (custom !== undefined) customSigmas(custom);
  const base = custom ?? linspace(end(1), end(1 / trained), count);
  const shifted = base.map((sigma) => shiftSigma(sigma, factor));
  const stretchedOnes = settings.shift_terminal ? stretched(shifted, settings.shift_terminal) : shifted;
  const [max, min] = [settings.sigma_max ?? stretchedOnes[0]!, settings.sigma_min ?? stretchedOnes.at(-1)!];
  return spacingOf(where, settings)?.(count, { max, min }) ?? stretchedOnes;
}

/** FlowMatchEulerDiscrete, FlowMatchLCM, FlowMatchHeunDiscrete. */
export function flowMatchSchedule(
  { className, settings, compat }: FlowMatchOptions & Pick<CompleteConfig, 'className'>,
  options: ScheduleOptions,
): StoredSchedule {
  const isHeun = className === 'FlowMatchHeunDiscreteScheduler';
  const keepsTimesteps = className === 'FlowMatchLCMScheduler' || compat.customTimesteps === 'v0.39';
  const { timesteps: custom, sigmas: given } = options;
  requireOptions(className, options, [
    'steps',
    'sigmas',
    'timesteps',
    settings.use_dynamic_shifting ? 'mu' : 'shift',
    ...(isHeun ? (['churn'] as const) : []),
  ]);
  if (given !== undefined && custom !== undefined && compat.customTimesteps === undefined) {
    refuseArgument({
      where: 'schedule',
      expected: 'either sigmas or timesteps',
      got: 'both',
      remedy:
        'Leave one of them out, or say by compat.customTimesteps which diffusers is meant: v0.40 ignores timesteps.',
    });
  }
  const noiseFirst = flowMatchSigmas({ settings, compat }, options);
  const inverted = settings.invert_sigmas;
  const open = inverted ? noiseFirst.map((sigma) => 1 - sigma) : noiseFirst;
  const nodes = [...open, inverted ? 1 : 0];
  const doubled = <T>(list: readonly T[]) =>
    isHeun ? list.flatMap((item, i) => (i === 0 ? [item] : [item, item])) : list;
  const scaled = open.map((sigma) => sigma * settings.num_train_timesteps);
  const kept = keepsTimesteps && custom !== undefined && !inverted;
  return {
    sigmas: [...doubled(open), nodes.at(-1)!],
    timesteps: doubled(kept ? custom : scaled),
    nodes,
    convention: inverted ? 'times' : 'sigmas',
    stages: isHeun ? 2 : 1,
    solver(): Solver {
      if (isHeun) {
        const { churn } = options;
        return heun({ eulerAtFinal: true, churn: churn && { calls: 2 * open.length - 1, ...churn } });
      }
      return settings.stochastic_sampling || className === 'FlowMatchLCMScheduler' ? lcm() : euler();
    },
    warnings:
      given?.at(-1) === 0
        ? [
            {
              kind: 'ineffective',
              key: 'sigmas',
              message: 'A closing 0 is appended; the one given costs a call in vain.',
            },
          ]
        : [],
  };
}
