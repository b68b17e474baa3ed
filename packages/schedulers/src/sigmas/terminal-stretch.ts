import { requireFinite } from '@latte-flow/core';

import { requireNodes } from './nodes.ts';

/** 1 - z / (z_last / (1 - terminal)) with z = 1 - sigma, for the nodes before a closing 0. */
export function stretched(where: string, sigmas: readonly number[], terminal: number): readonly number[] {
  requireFinite(where, 'terminal', terminal, { min: 0, max: 1 - Number.EPSILON });
  const last = sigmas.at(-1)!;
  // The stretch keeps sigma 1 in place: where the last node is 1, it is the only one, and nothing is left to stretch.
  return last === 1 ? sigmas : sigmas.map((sigma) => 1 - (1 - sigma) / ((1 - last) / (1 - terminal)));
}

/**
 * Stretches a descending grid so that its last sigma above 0 becomes `terminal` (LTX-Video, Qwen-Image); 1 and a closing 0
 * stay in place. Over a single step [1, 0] there is nothing to stretch (upstream: NaN). Returns a frozen grid.
 * @throws LatteFlowError `invalid-argument` unless `terminal` is in [0, 1), or for a bad grid.
 */
export function stretchToTerminal(sigmas: readonly number[], terminal: number): readonly number[] {
  requireNodes('stretchToTerminal', 'sigmas', sigmas);
  const closed = sigmas.at(-1) === 0;
  return Object.freeze([
    ...stretched('stretchToTerminal', closed ? sigmas.slice(0, -1) : sigmas, terminal),
    ...(closed ? [0] : []),
  ]);
}
