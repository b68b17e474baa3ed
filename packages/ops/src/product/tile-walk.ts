import { operandReader, type OperandLayout, type OperandReader } from './operand.ts';
import type { SidesWgsl } from './sides.ts';

/** The reader of A [M, K], or of its transpose as it lies. */
export function readerOfA(layout: OperandLayout, transposeA: boolean): OperandReader {
  const axes = transposeA ? { outer: 'params.k', inner: 'params.m' } : { outer: 'params.m', inner: 'params.k' };
  return operandReader('a', layout, axes);
}

/** WGSL: where the workgroup's tile of the result lies, and its piece of the inner axis. */
export function tileOrigin({ rows, columns }: { rows: number; columns: number }, sides: SidesWgsl): string {
  return /* wgsl */ `
    let row_start = group.y * ${rows}u;
    var column_tile = group.x;
    ${sides.choose('column_tile', columns)}
    let column_start = column_tile * ${columns}u;
    let depth_first = group.z * params.piece;
    let depth_end = min(params.k, depth_first + params.piece);`;
}

/** WGSL of a lane's share of an operand's tiles. */
export interface StagedOperand {
  /** Where it lies, and registers for it. */
  readonly places: string;
  /** From memory, at `depth_start`, into the registers. */
  readonly read: string;
  /** From the registers into workgroup memory. */
  readonly store: string;
}

/**
 * WGSL: multiplies tile after tile along the piece of the inner axis. The next ones are on their way from memory while `multiply`
 * works on those in workgroup memory.
 */
export function walkTiles([a, b]: readonly [StagedOperand, StagedOperand], depth: number, multiply: string): string {
  return /* wgsl */ `
    ${a.places}
    ${b.places}
    var depth_start = depth_first;
    ${a.read}
    ${b.read}
    while (depth_start < depth_end) {
      ${a.store}
      ${b.store}
      workgroupBarrier();
      depth_start += ${depth}u;
      if (depth_start < depth_end) {
        ${a.read}
        ${b.read}
      }
      ${multiply}
      workgroupBarrier();
    }`;
}
