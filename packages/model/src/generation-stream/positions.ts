import { composeRope, ropeTables, type RopePositions, type RopeTables } from '@latte-flow/ops';
import { dispose } from '@tensorflow/tfjs-core';

import { tokenGrid, type LatteFlowConfig } from '../config/latte-flow-config.ts';

/** Where the latents sit relative to the end of the context: (0, row, column), or the raster index. `[axes][1][N]` */
export function gridPositions(config: LatteFlowConfig): RopePositions {
  const { side, tokens } = tokenGrid(config);
  const axis = (offset: (token: number) => number) => [
    Float64Array.from({ length: tokens }, (_, token) => offset(token)),
  ];
  if (config.mropeSection === undefined) return [axis((token) => token)];
  return [axis(() => 0), axis((token) => Math.floor(token / side)), axis((token) => token % side)];
}

/** Rotations by the positions where contexts end, `[B, 1, E]` each; owned by the caller. */
export function contextEndRope({ headDim, ropeTheta: theta }: LatteFlowConfig, ends: ArrayLike<number>): RopeTables {
  return ropeTables([Array.from(ends, (end) => [end])], { headDim, theta });
}

/**
 * Rotations of the latents' queries and keys, `[B, N, E]` each; owned by the caller. Latents sit at (end, end + row,
 * end + column) for M-RoPE, at end + raster index over a backbone with one-dimensional RoPE.
 *
 * @param start `contextEndRope` of the contexts, borrowed
 * @see `latent_position_ids` of the reference
 */
export function latentRope(config: LatteFlowConfig, start: RopeTables): RopeTables {
  const { headDim, ropeTheta: theta, mropeSection: sections } = config;
  const grid = ropeTables(gridPositions(config), { headDim, theta, sections }); // [1, N, E]
  try {
    return composeRope(start, grid);
  } finally {
    dispose([grid.cos, grid.sin]);
  }
}
