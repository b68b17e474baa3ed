import { refuseArgument } from '@latte-flow/core';

import type { Step } from './solver.ts';

/** Refuses a step from data to noise: what a solver that draws noise does cannot be run backwards. */
export function requireTowardsData(where: string, { grid: { convention, nodes }, start, end }: Step): void {
  if (convention === 'time' ? start < end : start > end) return;
  refuseArgument({
    where,
    expected: 'a grid from noise to data',
    got: `a step from ${convention} ${start} to ${end}`,
    remedy: 'Reverse the grid; to invert a sampling take a solver without noise, e.g. heun.',
    data: { nodes },
  });
}
