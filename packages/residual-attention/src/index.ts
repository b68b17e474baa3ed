export { residualModes } from './config.ts';
export type { ResidualAttentionConfig, ResidualMode } from './config.ts';
export { residualAttentionShapes } from './parameters.ts';
export { residualAttention, residualGate } from './residual-attention.ts';
export type { ResidualAttentionInputs, ResidualAttentionResult } from './residual-attention.ts';
