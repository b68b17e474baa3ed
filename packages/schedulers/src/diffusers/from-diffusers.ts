import { adopted } from './adopted-values.ts';
import { type DiffusersCompat, requireCompat } from './compat.ts';
import { ancestralSchedule, dataWardSchedule, trigFlowSchedule } from './few-step.ts';
import { flowMatchSchedule } from './flow-match.ts';
import { ineffectiveKeys } from './ineffective-keys.ts';
import { multistepSchedule } from './multistep.ts';
import { requireFlow } from './required-values.ts';
import { begun, type DiffusersSchedule, type ScheduleOptions } from './schedule.ts';
import type { ClassName } from './scheduler-classes.ts';
import { completeConfig, type DiffusersWarning, type SchedulerConfig } from './scheduler-config.ts';

const where = 'fromDiffusersConfig';

/** A scheduler of diffusers as plain data and one pure function. */
export interface DiffusersScheduler {
  readonly className: ClassName;
  /** Complete, in diffusers' words: what `toDiffusersConfig` writes. */
  readonly config: SchedulerConfig;
  /**
   * What the network predicts, which is also what the velocity callback of `integrate` returns on this scheduler's grid:
   * `velocity` dx/dsigma towards the noise, on `sigmas`; `data-ward velocity` dx/dt, on `times`; `trigflow` dx/dangle,
   * sigma_data times F, on `angles`.
   */
  readonly prediction: 'velocity' | 'data-ward velocity' | 'trigflow';
  /** Unknown, ineffective and replaced keys. */
  readonly warnings: readonly DiffusersWarning[];
  /**
   * What `set_timesteps` and the steps after it amount to.
   * @throws LatteFlowError `invalid-argument` for options that the class does not read, that conflict or miss, and for
   * sigmas that are not strictly monotone in [0, 1]; the message names the first index at fault.
   */
  schedule(options: ScheduleOptions): DiffusersSchedule;
}

/**
 * Reads a `scheduler_config.json` of diffusers, of any class that samples a flow. `_class_name` names the class.
 *
 * @throws LatteFlowError `invalid-argument` for another class, a multistep config that samples no flow, values of the wrong
 * type, options that exclude each other, or an unknown compat flag.
 */
export function fromDiffusersConfig(
  json: SchedulerConfig,
  { compat = {} }: { readonly compat?: DiffusersCompat } = {},
): DiffusersScheduler {
  requireCompat(where, compat);
  const complete = adopted(where, completeConfig(where, json));
  const { className, settings, config } = complete;
  const multistep = Object.hasOwn(settings, 'use_flow_sigmas');
  requireFlow(complete);
  const family = multistep ? multistepSchedule : (families[className] ?? flowMatchSchedule);
  const inverted = settings.invert_sigmas || className === 'MiniMaxH3Scheduler';
  return {
    className,
    config,
    prediction: className === 'SCMScheduler' ? 'trigflow' : inverted ? 'data-ward velocity' : 'velocity',
    warnings: [...complete.warnings, ...ineffectiveKeys(complete)],
    schedule: (options) => begun(family({ className, settings, compat }, options), options),
  };
}

const families: Partial<Record<ClassName, typeof flowMatchSchedule>> = {
  LTXEulerAncestralRFScheduler: ancestralSchedule,
  MiniMaxH3Scheduler: dataWardSchedule,
  SCMScheduler: trigFlowSchedule,
};
