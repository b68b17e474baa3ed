import { requireOneOf } from '@latte-flow/core';

import type { ClassName } from './scheduler-classes.ts';
import type { CompleteConfig, DiffusersWarning, SchedulerConfig } from './scheduler-config.ts';

const midpoint = { solver_type: ['midpoint', 'heun', 'logrho', 'bh1', 'bh2'] };
const dpm = { algorithm_type: ['dpmsolver++', 'sde-dpmsolver++', 'deis'], ...midpoint };

/**
 * The values that a class takes, its replacement for those of other classes first: upstream accepts a config that another
 * class wrote, and adopts what it does not have.
 */
const accepted: Partial<Record<ClassName, Readonly<Record<string, readonly string[]>>>> = {
  DPMSolverMultistepScheduler: dpm,
  DPMSolverSinglestepScheduler: dpm,
  UniPCMultistepScheduler: { solver_type: ['bh2', 'bh1', 'midpoint', 'heun', 'logrho'] },
  DEISMultistepScheduler: {
    algorithm_type: ['deis', 'dpmsolver', 'dpmsolver++'],
    solver_type: ['logrho', 'midpoint', 'heun', 'bh1', 'bh2'],
  },
  SASolverScheduler: { algorithm_type: ['data_prediction'] },
};

/** How many of a list are the class's own. */
const own: Readonly<Record<string, number>> = { 'dpmsolver++': 2, midpoint: 2, bh2: 2, exponential: 2 };

const timeShifts = { time_shift_type: ['exponential', 'linear'] };

/** The config with solver and algorithm types of other classes replaced, as upstream does, and a warning for each. */
export function adopted(where: string, complete: CompleteConfig): CompleteConfig {
  const changed = Object.entries({
    ...(complete.settings.time_shift_type === undefined ? {} : timeShifts),
    ...accepted[complete.className],
  }).flatMap(([key, values]) => {
    const value = requireOneOf(where, key, (complete.settings as unknown as SchedulerConfig)[key], values);
    const replacement = values[0]!;
    return values.indexOf(value) < (own[replacement] ?? 1) ? [] : [{ key, value, replacement }];
  });
  const replaced = Object.fromEntries(changed.map(({ key, replacement }) => [key, replacement]));
  const warnings = changed.map(({ key, value, replacement }): DiffusersWarning => ({
    kind: 'changed',
    key,
    message: `${key} ${value} is of another class; ${replacement} is used.`,
  }));
  return {
    ...complete,
    config: { ...complete.config, ...replaced },
    settings: { ...complete.settings, ...replaced },
    warnings: [...complete.warnings, ...warnings],
  };
}
