import type { PaddedIds } from '../forward/model-inputs.ts';

/** Where the tokens of a prompt stand. */
export interface TokenPositions {
  /** `[axis][sample][token]`: one axis, or time, row and column; padding gets 0. */
  readonly positions: readonly (readonly Int32Array[])[];
  /** For each sample 1 + the largest position among its visible tokens: where the next token goes. */
  readonly end: number[];
}

/** Visible tokens numbered in order, on one axis: the positions of one-dimensional RoPE. */
export function linearPositions({ mask, batch, length }: PaddedIds): TokenPositions {
  const end: number[] = [];
  const rows = Array.from({ length: batch }, (_, sample) => {
    let next = 0;
    const row = Int32Array.from({ length }, (__, i) => (mask[sample * length + i] === 0 ? 0 : next++));
    end.push(next);
    return row;
  });
  return { positions: [rows], end };
}
