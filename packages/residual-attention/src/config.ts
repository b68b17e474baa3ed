import type { ResidualForm } from '@latte-flow/ops';

/** `off` is plain attention: no gate is computed and no map is carried. */
export type ResidualMode = ResidualForm | 'off';

export const residualModes: readonly ResidualMode[] = ['scores', 'probabilities', 'off'];

export interface ResidualAttentionConfig {
  /** Query heads, H. */
  readonly numHeads: number;
  /** Key/value heads, G; divides H. */
  readonly numKvHeads: number;
  /** E, even. */
  readonly headDim: number;
  /** Where the carried map enters. */
  readonly residual: ResidualMode;
  /** Whether the query, key and value projections have a bias. */
  readonly qkvBias: boolean;
}
