import { refuseArgument } from '@latte-flow/core';

import type { TimeConvention } from '../paths/time-convention.ts';
import { requireNodes } from '../sigmas/nodes.ts';

/** A grid of nodes t_0, …, t_N; step i leads from node i to node i + 1. */
export interface Grid {
  /** What the nodes are, and with that what the velocity is the derivative by: dx/dt, dx/dsigma or dx/dangle. */
  readonly convention: TimeConvention;
  readonly nodes: readonly number[];
}

/** The nodes of a run, under the name of their convention: exactly one of the three. */
export interface GridOption {
  /** Times in [0, 1], 0 noise to 1 data; the velocity is dx/dt, data-ward. */
  readonly times?: readonly number[];
  /** Sigmas in [0, 1], 1 noise to 0 data; the velocity is dx/dsigma, noise-ward, as diffusers' models predict it. */
  readonly sigmas?: readonly number[];
  /** TrigFlow angles in [0, 1.5709], pi/2 noise to 0 data; the velocity is dx/dangle. */
  readonly angles?: readonly number[];
}

/** Angles reach a little above pi/2: published grids start at 1.5708. */
const limits = { times: ['time', 1], sigmas: ['sigma', 1], angles: ['angle', 1.5709] } as const;

/** The grid of a `times`, `sigmas` or `angles` option. */
export function gridOf(where: string, options: GridOption): Grid {
  const names = Object.keys(limits) as (keyof typeof limits)[];
  const given = names.filter((name) => options[name] !== undefined);
  const [name] = given;
  if (name === undefined || given.length > 1) {
    return refuseArgument({
      where,
      expected: 'either times, sigmas or angles',
      got: given.join(' and ') || 'none',
      remedy: 'Pass times with a velocity dx/dt, sigmas with dx/dsigma, or angles with dx/dangle.',
    });
  }
  const [convention, max] = limits[name];
  return { convention, nodes: Object.freeze([...requireNodes(where, name, options[name]!, max)]) };
}
