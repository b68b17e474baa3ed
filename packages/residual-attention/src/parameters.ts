import type { Shape } from '@latte-flow/core';

import type { ResidualAttentionConfig } from './config.ts';

/**
 * Names and shapes of one attention's parameters (Linear weights `[out, in]`), as the reference's `FlowAttention`.
 * The gate is there in every mode, so that a checkpoint can change its mode.
 */
export function residualAttentionShapes(hiddenSize: number, config: ResidualAttentionConfig): Map<string, Shape> {
  const { numHeads, numKvHeads, headDim, qkvBias } = config;
  const shapes = new Map<string, Shape>();
  const projections = [
    ['q_proj', numHeads],
    ['k_proj', numKvHeads],
    ['v_proj', numKvHeads],
  ] as const;
  for (const [name, heads] of projections) {
    shapes.set(`${name}.weight`, [heads * headDim, hiddenSize]);
    if (qkvBias) shapes.set(`${name}.bias`, [heads * headDim]);
  }
  shapes.set('o_proj.weight', [hiddenSize, numHeads * headDim]);
  shapes.set('residual_gate.weight', [numHeads, hiddenSize]);
  shapes.set('residual_gate.bias', [numHeads]);
  return shapes;
}
