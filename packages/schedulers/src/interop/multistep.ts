import { refuseArgument, requireFinite, requireInteger, requireOneOf, requirePositive } from '@latte-flow/core';

import { customSigmas } from '../sigmas/custom.ts';
import { shiftOfMu, shiftSigma } from '../sigmas/shift.ts';
import { stretched } from '../sigmas/terminal-stretch.ts';
import { type FlowMatchOptions, spacingOf } from './flow-match.ts';
import { multistepSolver } from './multistep-solvers.ts';
import { linspace, requireOptions, requireSteps, type ScheduleOptions, type StoredSchedule } from './schedule.ts';
import { type CompleteConfig, type DiffusersWarning, ineffectiveKeys } from './scheduler-config.ts';
import { vpSigmaEnds } from './vp-sigmas.ts';

const where = 'fromDiffusersConfig';

/** Refuses a multistep config that does not sample a flow, or asks for what no linear combination does. */
export function requireFlow({ className, settings }: CompleteConfig): void {
  const needs = (
    [
      ['use_flow_sigmas', true, 'It is a diffusion schedule; set it to true if the model is a flow.'],
      ['prediction_type', 'flow_prediction', 'Set it to "flow_prediction" if the model predicts a velocity.'],
      ['thresholding', false, 'It is meant for pixels; set it to false.'],
      ['predict_x0', true, 'Predictions of noise are not supported; set it to true.'],
      ['use_lu_lambdas', false, 'It has no meaning for flow sigmas; set it to false.'],
      ['solver_p', null, 'Leave it out; the predictor is that of UniPC.'],
      ['tau_func', null, 'Leave it out, and build saSolver({ tau }) yourself.'],
    ] as const
  ).find(([key, value]) => Object.hasOwn(settings, key) && settings[key] !== value);
  if (needs === undefined) return;
  const [key, value, remedy] = needs;
  refuseArgument({
    where,
    expected: `a ${className} with ${key} ${value}`,
    got: JSON.stringify(settings[key]),
    remedy,
  });
}

const betaKeys = ['beta_start', 'beta_end', 'beta_schedule', 'trained_betas'] as const;

export function multistepWarnings(complete: CompleteConfig): readonly DiffusersWarning[] {
  const { settings } = complete;
  const spaced = spacingOf(where, settings) !== undefined;
  const dynamic = settings.use_dynamic_shifting;
  const endsGiven = typeof settings.sigma_min === 'number' && typeof settings.sigma_max === 'number';
  const flow = 'with flow sigmas';
  return ineffectiveKeys(complete, [
    [
      true,
      [
        'rescale_betas_zero_snr',
        'dynamic_thresholding_ratio',
        'sample_max_value',
        'lambda_min_clipped',
        'variance_type',
        'timestep_spacing',
        'steps_offset',
      ],
      flow,
    ],
    [
      spaced ? endsGiven : settings.final_sigmas_type !== 'sigma_min' || Object.hasOwn(settings, 'solver_p'),
      betaKeys,
      flow,
    ],
    [dynamic && !spaced, ['flow_shift'], 'with use_dynamic_shifting, where mu decides'],
    [!dynamic, ['time_shift_type'], 'without use_dynamic_shifting'],
    [spaced, ['flow_shift', 'shift_terminal', 'use_dynamic_shifting'], 'with a spacing'],
    [!spaced, ['sigma_min', 'sigma_max'], 'without a spacing'],
    [settings.shift_terminal === 0, ['shift_terminal'], 'at 0, which upstream takes for off'],
  ]);
}

/** DPM-Solver (both), UniPC, DEIS, SA with `use_flow_sigmas`. */
export function multistepSchedule(
  { className, settings, compat }: FlowMatchOptions & Pick<CompleteConfig, 'className'>,
  options: ScheduleOptions,
): StoredSchedule {
  const { steps, sigmas: custom, mu } = options;
  const isUniPC = className === 'UniPCMultistepScheduler';
  const descending = isUniPC && compat.unipcGrid !== 'v0.36';
  const spacing = spacingOf(where, settings);
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
    const whole = terminal ? stretched(shifted, requireFinite(where, 'shift_terminal', terminal, { max: 1 })) : shifted;
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
