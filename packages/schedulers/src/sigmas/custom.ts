import { refuseArgument } from '@latte-flow/core';

import { requireNodes } from './nodes.ts';

/**
 * The caller's own sigmas as a frozen grid that ends in the data: 0 is appended unless it is there already.
 * @throws LatteFlowError `invalid-argument` unless every sigma is finite, in [0, 1] and smaller than the one before;
 * the message names the first index at fault.
 */
export function customSigmas(sigmas: readonly number[]): readonly number[] {
  const grid = sigmas.at(-1) === 0 ? [...sigmas] : [...sigmas, 0];
  requireNodes('customSigmas', 'sigmas', grid);
  if (grid[0]! > grid[1]!) return Object.freeze(grid);
  return refuseArgument({
    where: 'customSigmas',
    expected: 'sigmas to descend from noise to data',
    got: `sigmas[0] = ${grid[0]} and sigmas[1] = ${grid[1]}`,
    remedy: 'Reverse them, or convert times by sigmasOfTimes.',
    data: { index: 1, sigmas },
  });
}
