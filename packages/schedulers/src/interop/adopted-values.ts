import { requireOneOf } from '@latte-flow/core';

import type { ClassName } from './scheduler-classes.ts';
import type { CompleteConfig, DiffusersWarning } from './scheduler-config.ts';

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
const own: Readonly<Record<string, number>> = { 'dpmsolver++': 2, midpoint: 2, bh2: 2 };

/** The config with solver and algorithm types of other classes replaced, as upstream does, and a warning for each. */
export function adopted(where: string, complete: CompleteConfig): CompleteConfig {
  let { config, settings } = complete;
  const changed: DiffusersWarning[] = [];
  for (const [key, values] of Object.entries(accepted[complete.className] ?? {})) {
    const value = requireOneOf(where, key, config[key], values);
    const replacement = values[0]!;
    if (values.indexOf(value) < (own[replacement] ?? 1)) continue;
    config = { ...config, [key]: replacement };
    settings = { ...settings, [key]: replacement };
    changed.push({ kind: 'changed', key, message: `${key} ${value} is of another class; ${replacement} is used.` });
  }
  return { ...complete, config, settings, unknown: [...complete.unknown, ...changed] };
}
