import { requireInteger, requireOneOf, requirePositive } from '@latte-flow/core';

import { customSigmas } from '../sigmas/custom.ts';
import { shiftOfMu, shiftSigma } from '../sigmas/shift.ts';
import { stretched } from '../sigmas/terminal-stretch.ts';
import type { FlowMatchOptions } from './flow-match.ts';
import { multistepSolver } from './multistep-solvers.ts';
import { linspace, requireOptions, requireSteps, type ScheduleOptions, type StoredSchedule } from './schedule.ts';
import type { CompleteConfig } from './scheduler-config.ts';
import { spacingOf } from './spacing-of.ts';
import { vpSigmaEnds } from './vp-sigmas.ts';

const where = 'fromDiffusersConfig';

/** DPM-Solver (both), UniPC, DEIS, SA with `use_flow_sigmas`. */
export function multistepSchedule(
  { className, settings, compat }: FlowMatchOptions & Pick<CompleteConfig, 'className'>,
  options: ScheduleOptions,
): StoredSchedule {
  const { steps, sigmas: custom, mu } = options;
  const isUniPC = className === 'UniPCMultistepScheduler';
  const descending = isUniPC && compat.unipcGrid !== 'v0.36';
  const spacing = spacingOf(settings);
  const dynamic = settings.use_dynamic_shifting && spacing === undefined;
  requireOptions(className, options, [
    'steps',
    ...(descending && spacing === undefined ? (['sigmas'] as const) : []),
    ...(dynamic ? (['mu'] as const) : []),
  ]);
  const count = requireSteps(steps, custom);
  const trained = requireInteger(where, 'num_train_timesteps', settings.num_train_timesteps, { min: 2 });
  const shift = dynamic
    ? shiftOfMu('schedule', { mu: mu!, type: settings.time_shift_type })
    : requirePositive(where, 'flow_shift', settings.flow_shift);
  const ramp = linspace(1, 1 / trained, count + 1);

  let open: readonly number[];
  if (spacing !== undefined) {
    const { min, max } = vpSigmaEnds(settings);
    const edm = spacing(count, { min: settings.sigma_min ?? min, max: settings.sigma_max ?? max });
    open = edm.map((sigma) => sigma / (sigma + 1));
  } else if (descending) {
    if (custom !== undefined) customSigmas(custom);
    const shifted = (custom ?? ramp.slice(0, -1)).map((sigma) => shiftSigma(sigma, shift));
    const terminal = settings.shift_terminal;
    const whole = terminal ? stretched(where, shifted, terminal) : shifted;
    // Keeps lambda finite at the noise, as upstream.
    open = whole.map((sigma, i) => (i === 0 && Math.abs(sigma - 1) < 1e-6 ? sigma - 1e-6 : sigma));
  } else {
    open = ramp
      .slice(1)
      .map((alpha) => shiftSigma(1 - alpha, shift))
      .toReversed();
  }

  const final = requireOneOf(where, 'final_sigmas_type', settings.final_sigmas_type ?? 'none', [
    'zero',
    'sigma_min',
    'none',
  ]);
  const own =
    final === 'none'
      ? compat.terminalSigma === 'upstream'
      : final === 'sigma_min' && (isUniPC || spacing !== undefined);
  const last = own ? open.at(-1)! : final === 'sigma_min' ? vpSigmaEnds(settings).min : 0;
  const timestepOf = (sigma: number) => (compat.truncatedTimesteps ? Math.trunc(sigma * trained) : sigma * trained);
  const nodes = [...open, last];
  return {
    sigmas: nodes,
    timesteps: open.map(timestepOf),
    nodes,
    convention: 'sigmas',
    solver: (begin) =>
      multistepSolver({ className, settings, compat, count, begin, timestepOf, zeroFinal: last === 0 }),
  };
}
