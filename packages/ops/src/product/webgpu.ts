import { isPacked, packedParts, runProgram, spread, webgpuDevice, type Weight } from '@latte-flow/runtime';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import type { Precision } from '../kernel/precision.ts';
import { fewRowsProduct, MAX_FEW_ROWS } from './few-rows.ts';
import { fewRowsPackedProduct } from './few-rows-packed.ts';
import { matrixProduct } from './matrix.ts';
import { matrixUnit } from './matrix-unit.ts';
import { layoutOf } from './operand.ts';
import { chooseCut, type ProductCut, type ProductSize } from './tiling.ts';
import { ELEMENTS_PER_PIECE_GROUP, sumPieces } from './sum-pieces.ts';
import { tiledProduct } from './tiled.ts';
import { tunedCut, weightsOf } from './tuning-table.ts';
import { noteProduct } from './watch.ts';

export interface ProductTask {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly precision: Precision;
  /** `[N]`, added to every row. */
  readonly bias?: Tensor1D;
  /** `[M, N]`, added to the result. */
  readonly residual?: Tensor;
}

const isVector = (size: number): boolean => size % 4 === 0;

/** Sizes [M, K] x [K, N] of two operands as they lie. */
export function productSize(a: Tensor2D, b: Weight, { transposeA, transposeB }: ProductTask): ProductSize {
  const [m, k] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  return { m: m!, n: b.shape[transposeB ? 0 : 1]!, k: k! };
}

/** a b, a and b as they lie or transposed -> [M, N]. */
export function productWebGPU(a: Tensor2D, b: Weight, task: ProductTask, features: KernelFeatures): Tensor2D {
  const size = productSize(a, b, task);
  const isFewRows = size.m <= MAX_FEW_ROWS && !task.transposeA && task.transposeB && isVector(size.k);
  if (isFewRows) return runFewRows(a, b, { task, size, subgroups: features.subgroups });
  const device = webgpuDevice()!;
  const unit = usesMatrixUnit(task, features) ? matrixUnit(device) : undefined;
  const { transposeA, transposeB, precision } = task;
  const product = { ...size, transposeA, transposeB, weights: weightsOf(b), precision };
  noteProduct(product);
  return runCut(a, b, { task, size, cut: tunedCut(product, device, unit) ?? chooseCut(size, device, unit) });
}

export function usesMatrixUnit(
  { precision }: Pick<ProductTask, 'precision'>,
  { f16, subgroups, subgroupMatrix }: KernelFeatures,
): boolean {
  return precision === 'float16' && f16 && subgroups && subgroupMatrix;
}

function addends({ bias, residual }: ProductTask): Tensor[] {
  return [bias, residual].filter((tensor) => tensor !== undefined);
}

function operandParts(operand: Weight): Tensor[] {
  return isPacked(operand) ? packedParts(operand) : [operand];
}

interface Work {
  readonly task: ProductTask;
  readonly size: ProductSize;
}

function runFewRows(a: Tensor, b: Weight, { task, size, subgroups }: Work & { subgroups: boolean }): Tensor2D {
  const { m, n, k } = size;
  const [bias, residual] = [task.bias !== undefined, task.residual !== undefined];
  const program = isPacked(b)
    ? fewRowsPackedProduct(b.format, m, bias, residual, subgroups)
    : fewRowsProduct(m, bias, residual, subgroups);
  const [c] = runProgram(program, {
    inputs: [a, ...operandParts(b), ...addends(task)],
    outputs: [{ shape: [m, n] }],
    params: [n, k],
    workgroups: spread(n),
  });
  return c as Tensor2D;
}

/** The product by one way of cutting it. */
export function runCut(a: Tensor, b: Weight, { task, size, cut }: Work & { cut: ProductCut }): Tensor2D {
  const { transposeA, transposeB } = task;
  const { m, n, k } = size;
  const { rows, columns, depth, pieces } = cut;
  const [layoutA, layoutB] = [layoutOf(a, transposeA ? m : k), layoutOf(b, transposeB ? k : n)];
  const isCut = pieces > 1;
  const piece = isCut ? Math.ceil(k / pieces / depth) * depth : Math.ceil(k / depth) * depth;
  const count = Math.max(1, Math.ceil(k / piece));
  const [bias, residual] = [task.bias !== undefined && !isCut, task.residual !== undefined && !isCut];
  const program =
    cut.kind === 'matrix'
      ? matrixProduct(
          cut.unit.rows,
          cut.unit.columns,
          cut.unit.depth,
          cut.unit.subgroupSize,
          rows,
          columns,
          depth,
          cut.subgroupRows,
          cut.subgroupColumns,
          transposeA,
          transposeB,
          layoutA,
          layoutB,
          isVector(n),
          bias,
          residual,
        )
      : tiledProduct(
          rows,
          columns,
          depth,
          cut.perLaneRows,
          cut.perLaneColumns,
          transposeA,
          transposeB,
          layoutA,
          layoutB,
          isVector(n),
          bias,
          residual,
        );
  const [c] = runProgram(program, {
    inputs: [a, ...operandParts(b), ...(isCut ? [] : addends(task))],
    outputs: [{ shape: isCut ? [count, m, n] : [m, n] }],
    params: [m, n, k, piece, ...(isPacked(b) ? [b.codes.shape[1]] : [])],
    workgroups: [Math.ceil(n / columns), Math.ceil(m / rows), count],
  });
  if (!isCut) return c as Tensor2D;
  const [sum] = runProgram(sumPieces(task.bias !== undefined, task.residual !== undefined), {
    inputs: [c!, ...addends(task)],
    outputs: [{ shape: [m, n] }],
    params: [count, (m * n) / 4, n],
    workgroups: spread(Math.ceil((m * n) / ELEMENTS_PER_PIECE_GROUP)),
  });
  c!.dispose();
  return sum as Tensor2D;
}
