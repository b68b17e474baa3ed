import { refuseArgument, requireInteger, requirePositive } from '@latte-flow/core';

import { customSigmas } from '../sigmas/custom.ts';
import { shiftOfMu, shiftSigma } from '../sigmas/shift.ts';
import { stretched } from '../sigmas/terminal-stretch.ts';
import { euler } from '../solvers/euler.ts';
import { flowMapEuler } from '../solvers/flow-map-euler.ts';
import { heun } from '../solvers/heun.ts';
import { lcm } from '../solvers/lcm.ts';
import type { Solver } from '../solvers/solver.ts';
import type { DiffusersCompat } from './compat.ts';
import { linspace, requireOptions, requireSteps, type ScheduleOptions, type StoredSchedule } from './schedule.ts';
import type { Settings } from './scheduler-classes.ts';
import type { CompleteConfig } from './scheduler-config.ts';
import { spacingOf } from './spacing-of.ts';

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
  const stretchedOnes = settings.shift_terminal ? stretched(where, shifted, settings.shift_terminal) : shifted;
  const [max, min] = [settings.sigma_max ?? stretchedOnes[0]!, settings.sigma_min ?? stretchedOnes.at(-1)!];
  return spacingOf(settings)?.(count, { max, min }) ?? stretchedOnes;
}

/** FlowMatchEulerDiscrete, FlowMatchLCM, FlowMatchHeunDiscrete, FlowMapEulerDiscrete. */
export function flowMatchSchedule(
  { className, settings, compat }: FlowMatchOptions & Pick<CompleteConfig, 'className'>,
  options: ScheduleOptions,
): StoredSchedule {
  const isHeun = className === 'FlowMatchHeunDiscreteScheduler';
  const isMap = className === 'FlowMapEulerDiscreteScheduler';
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
  // The flow map's grid is 1, 1 - 1/N, …, not 1 … 1/T.
  const whole = isMap && (given ?? custom) === undefined ? linspace(1, 0, requireSteps(options.steps) + 1) : undefined;
  const base = whole === undefined ? options : { ...options, sigmas: whole.slice(0, -1) };
  const noiseFirst = flowMatchSigmas({ settings, compat }, base);
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
      if (isMap) return flowMapEuler();
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
