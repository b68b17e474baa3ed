import { refuseArgument, requireFinite } from '@latte-flow/core';

import { requireNodes } from './nodes.ts';

/**
 * The static shift of Stable Diffusion 3: sigma -> k sigma / (1 + (k - 1) sigma), which spends more steps near the
 * noise for k > 1 and keeps 0 and 1 in place. Returns a frozen grid.
 * @throws LatteFlowError `invalid-argument` unless `shift` > 0 and `sigmas` is a strictly monotone grid in [0, 1].
 */
export function shiftSigmas(sigmas: readonly number[], shift: number): readonly number[] {
  requireFinite('shiftSigmas', 'shift', shift);
  if (shift <= 0) {
    refuseArgument({
      where: 'shiftSigmas',
      expected: 'shift > 0',
      got: String(shift),
      remedy: 'Pass 1 for no shift, 3 for that of Stable Diffusion 3.',
      data: { shift },
    });
  }
  requireNodes('shiftSigmas', 'sigmas', sigmas);
  return Object.freeze(sigmas.map((sigma) => (shift * sigma) / (shift * sigma + (1 - sigma))));
}
