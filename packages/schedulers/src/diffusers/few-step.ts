import { requireInteger, requireOneOf, requirePositive } from '@latte-flow/core';

import { shiftSigma } from '../sigmas/shift.ts';
import { ancestralEuler } from '../solvers/ancestral-euler.ts';
import { euler } from '../solvers/euler.ts';
import { scm } from '../solvers/scm.ts';
import { type FlowMatchOptions, flowMatchSigmas } from './flow-match.ts';
import { linspace, requireOptions, requireSteps, type ScheduleOptions, type StoredSchedule } from './schedule.ts';

/** LTXEulerAncestralRF: explicit sigmas (or timesteps, which it takes for sigmas) as they are, else those of FlowMatchEuler. */
export function ancestralSchedule({ settings, compat }: FlowMatchOptions, options: ScheduleOptions): StoredSchedule {
  const { steps, sigmas, timesteps, mu } = options;
  const dynamic = settings.use_dynamic_shifting;
  requireOptions('LTXEulerAncestralRFScheduler', options, [
    'steps',
    'sigmas',
    'timesteps',
    ...(dynamic ? (['mu'] as const) : []),
  ]);
  const explicit = sigmas ?? timesteps;
  if (explicit !== undefined) requireSteps(steps, explicit.slice(1), timesteps?.slice(1));
  const open = explicit ?? flowMatchSigmas({ settings, compat }, { steps, mu });
  const nodes = explicit ?? [...open, 0];
  return {
    sigmas: nodes,
    timesteps: open.map((sigma) => sigma * settings.num_train_timesteps),
    nodes,
    convention: 'sigmas',
    solver: () => ancestralEuler({ eta: settings.eta, noiseScale: settings.s_noise }),
  };
}

/** MiniMaxH3, whose network predicts dx/dt at the time t = 1 - sigma: N points from 1 to 0, shifted. */
export function dataWardSchedule({ settings }: FlowMatchOptions, options: ScheduleOptions): StoredSchedule {
  const { steps, sigmas, shift } = options;
  requireOptions('MiniMaxH3Scheduler', options, ['steps', 'sigmas', 'shift']);
  const factor = requirePositive('schedule', 'shift', shift ?? settings.shift);
  const points = sigmas ?? linspace(1, 0, requireInteger('schedule', 'steps', steps, { min: 2 }));
  const stored = sigmas ?? points.map((sigma) => shiftSigma(sigma, factor));
  const times = stored.map((sigma) => 1 - sigma);
  return { sigmas: stored, timesteps: times.slice(0, -1), nodes: times, convention: 'times', solver: euler };
}

/** SCM: angles from `maxAngle` to 0, one in between for two steps. */
export function trigFlowSchedule({ settings }: FlowMatchOptions, options: ScheduleOptions): StoredSchedule {
  const { steps, timesteps, maxAngle = 1.5708, intermediateAngle } = options;
  requireOneOf('fromDiffusersConfig', 'prediction_type', settings.prediction_type, ['trigflow']);
  requireOptions('SCMScheduler', options, [
    'steps',
    'timesteps',
    ...(timesteps === undefined ? (['maxAngle'] as const) : []),
    ...(timesteps === undefined && steps === 2 ? (['intermediateAngle'] as const) : []),
  ]);
  const count = requireSteps(steps, timesteps?.slice(1));
  const middle = intermediateAngle === undefined ? 1.3 : intermediateAngle;
  const angles =
    timesteps ?? (count === 2 && middle !== null ? [maxAngle, middle, 0] : linspace(maxAngle, 0, count + 1));
  return {
    sigmas: angles,
    timesteps: angles,
    nodes: angles,
    convention: 'angles',
    solver: () => scm({ sigmaData: settings.sigma_data }),
  };
}
