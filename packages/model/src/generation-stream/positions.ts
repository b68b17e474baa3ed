import { ropeTables, type RopePositions, type RopeTables } from '@latte-flow/ops';

import { tokenGrid, type LatteFlowConfig } from '../config/latte-flow-config.ts';

/**
 * Where the latents sit after a context that ends at `ends[b]`: (end, end + row, end + column) for M-RoPE, end + raster
 * index over a backbone with one-dimensional RoPE. `[axes][B][N]`
 * @see `latent_position_ids` of the reference
 */
export function latentPositions(config: LatteFlowConfig, ends: ArrayLike<number>): RopePositions {
  const { side, tokens } = tokenGrid(config);
  const grid = (offset: (token: number) => number) =>
    Array.from(ends, (end) => Float64Array.from({ length: tokens }, (_, token) => end + offset(token)));
  if (config.mropeSection === undefined) return [grid((token) => token)];
  return [grid(() => 0), grid((token) => Math.floor(token / side)), grid((token) => token % side)];
}

/** Rotations of the latents' queries and keys, `[B, N, E]` each; owned by the caller. */
export function latentRope(config: LatteFlowConfig, ends: ArrayLike<number>): RopeTables {
  const { headDim, ropeTheta: theta, mropeSection: sections } = config;
  return ropeTables(latentPositions(config, ends), { headDim, theta, sections });
}
