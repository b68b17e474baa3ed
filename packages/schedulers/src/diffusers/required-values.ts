import { refuseArgument } from '@latte-flow/core';

import type { CompleteConfig } from './scheduler-config.ts';

/** Values without which a config samples no flow, or asks for what no linear combination does, and how to get there. */
const required = [
  ['use_flow_sigmas', true, 'Set it to true if the model is a flow.'],
  ['prediction_type', 'flow_prediction', 'Set it so if the model predicts a velocity.'],
  ['thresholding', false, 'Set it to false; it is meant for pixels.'],
  ['predict_x0', true, 'Set it to true.'],
  ['use_lu_lambdas', false, 'Set it to false.'],
  ['solver_p', null, 'Leave it out.'],
  ['tau_func', null, 'Leave it out, and call saSolver({ tau }).'],
  ['scale_factors', null, 'Leave it out, and resize between runs of one scale.'],
] as const;

/** Refuses a config that has one of the required keys with another value. */
export function requireFlow({ className, settings }: CompleteConfig): void {
  for (const [key, value, remedy] of required) {
    if (!Object.hasOwn(settings, key) || settings[key] === value) continue;
    // The one class whose network is no velocity says so by this key.
    if (className === 'SCMScheduler') continue;
    refuseArgument({
      where: 'fromDiffusersConfig',
      expected: `a ${className} with ${key} ${value}`,
      got: JSON.stringify(settings[key]),
      remedy,
    });
  }
}
