import { requireFinite, requireOneOf } from '@latte-flow/core';
import {
  adaptiveProjectedGuidance,
  cfgZeroStarGuidance,
  classifierFreeGuidance,
  guidanceInterval,
  magnitudeAwareGuidance,
  rescaledGuidance,
  tangentialGuidance,
  type Guidance,
} from '@latte-flow/schedulers/guidance';

import { finiteOption, type CommandName } from './options.ts';

/** Rules of the conditional and the null branch by name, with the other settings of their papers. */
const rules = {
  cfg: (scale: number) => classifierFreeGuidance(scale),
  'cfg-zero-star': (scale: number) => cfgZeroStarGuidance(scale),
  apg: (scale: number) => adaptiveProjectedGuidance(scale, { eta: 0, normThreshold: 15, momentum: -0.5 }),
  'mambo-g': (scale: number) => magnitudeAwareGuidance(scale),
  tcfg: (scale: number) => tangentialGuidance(scale),
} satisfies Record<string, (scale: number) => Guidance>;

export const guidanceRuleNames = Object.keys(rules) as (keyof typeof rules)[];

/** What was typed of `--guidance`, `--guidance-rule`, `--guidance-interval` and `--guidance-rescale`. */
export interface TypedGuidance {
  readonly guidance: string;
  readonly guidanceRule: string;
  readonly guidanceInterval?: string;
  readonly guidanceRescale?: string;
}

/** True if nothing but a scale was asked for. */
export function isScaleAlone({ guidanceRule, guidanceInterval, guidanceRescale }: TypedGuidance): boolean {
  return guidanceRule === 'cfg' && guidanceInterval === undefined && guidanceRescale === undefined;
}

/** @throws LatteFlowError `invalid-argument` naming the option */
export function guidanceOption(where: CommandName, typed: TypedGuidance): Guidance {
  const scale = finiteOption(where, '--guidance', { text: typed.guidance });
  const rule = rules[requireOneOf(where, '--guidance-rule', typed.guidanceRule, guidanceRuleNames)](scale);
  const rescale = finiteOption(where, '--guidance-rescale', { text: typed.guidanceRescale ?? '0' });
  const rescaled = rescaledGuidance(rule, requireFinite(where, '--guidance-rescale', rescale, { min: 0, max: 1 }));
  if (typed.guidanceInterval === undefined) return rescaled;
  const [start, stop, ...rest] = typed.guidanceInterval.split(',').map(Number);
  const name = '--guidance-interval START,STOP';
  const bounds = { min: 0, max: 1 };
  requireFinite(where, name, rest.length === 0 ? start : Number.NaN, bounds);
  return guidanceInterval(rescaled, { steps: [start!, requireFinite(where, name, stop, bounds)] });
}
