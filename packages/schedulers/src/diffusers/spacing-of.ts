import { refuseArgument } from '@latte-flow/core';

import { betaSigmas, exponentialSigmas, karrasSigmas, type SpacingEnds } from '../sigmas/spacing.ts';
import type { Settings } from './scheduler-classes.ts';

const spacings = {
  use_karras_sigmas: karrasSigmas,
  use_exponential_sigmas: exponentialSigmas,
  use_beta_sigmas: betaSigmas,
};

/** The spacing that a config asks for, as a function of the number of values and their ends; undefined for none. */
export function spacingOf(settings: Settings): ((steps: number, ends: SpacingEnds) => readonly number[]) | undefined {
  const [key, other] = (Object.keys(spacings) as (keyof typeof spacings)[]).filter((name) => settings[name]);
  if (other === undefined) return key && spacings[key];
  return refuseArgument({
    where: 'fromDiffusersConfig',
    expected: 'at most one spacing',
    got: `${key} and ${other}`,
    remedy: 'Set the others to false.',
  });
}
