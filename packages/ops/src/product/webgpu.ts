import { isPacked, packedParts, runProgram, spread, webgpuDevice, type Weight } from '@latte-flow/runtime';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import type { KernelFeatures } from '../kernel/selection.ts';
import type { Precision } from '../kernel/precision.ts';
import { fewRowsProduct, MAX_FEW_ROWS } from './few-rows.ts';
import { matrixProduct } from './matrix.ts';
import { matrixUnit } from './matrix-unit.ts';
import { layoutOf } from './operand.ts';
import { SUMMED_PER_WORKGROUP, sumPieces } from './sum-pieces.ts';
import { tiledProduct } from './tiled.ts';
import { chooseCut, type ProductCut } from './tiling.ts';
import { tunedCut, weightsOf, type TunableProduct } from './tuning-table.ts';
import { noteProduct } from './watch.ts';

/** A product of one A with one B, or in one dispatch with several of one layout. */
export interface ProductTask {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly precision: Precision;
  /** `[N]` of each B, added to every row. */
  readonly biases?: readonly Tensor1D[];
  /** `[M, N]`, added to the result; of a single B. */
  readonly residual?: Tensor;
}

interface Work {
  readonly task: ProductTask;
  readonly sizes: ProductSizes;
}

/** [M, K] x [K, N] for every N. */
export interface ProductSizes {
  readonly m: number;
  readonly ns: readonly number[];
  readonly k: number;
}

const isVector = (size: number): boolean => size % 4 === 0;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function productSizes(a: Tensor, bs: readonly Weight[], { transposeA, transposeB }: ProductTask): ProductSizes {
  const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  return { m, k, ns: bs.map((b) => b.shape[transposeB ? 0 : 1]!) };
}

/** a b for each b, a and b as they lie or transposed -> [M, N] each. */
export function productsWebGPU(
  a: Tensor2D,
  bs: readonly Weight[],
  task: ProductTask,
  features: KernelFeatures,
): Tensor2D[] {
  const sizes = productSizes(a, bs, task);
  const isFewRows = sizes.m <= MAX_FEW_ROWS && !task.transposeA && task.transposeB && isVector(sizes.k);
  if (isFewRows) return runFewRows(a, bs, { task, sizes, subgroups: features.subgroups });
  return runCut(a, bs, { task, sizes, cut: cutOf(bs[0]!, { task, sizes, features }) });
}

/** The cut that was measured to be best, else the estimated one. Several sides are tuned as one with all their columns. */
function cutOf(b: Weight, { task, sizes, features }: Work & { features: KernelFeatures }): ProductCut {
  const { transposeA, transposeB, precision } = task;
  const { m, ns, k } = sizes;
  const device = webgpuDevice()!;
  const product: TunableProduct = { m, n: sum(ns), k, transposeA, transposeB, weights: weightsOf(b), precision };
  noteProduct(product);
  const found = usesMatrixUnit(product, features) ? matrixUnit(device) : undefined;
  // A unit stores its sums whole, and WebGPU refuses to bind a result that has no room for them.
  const hasRoom = found !== undefined && ns.every((n) => m * n >= found.rows * found.columns);
  const unit = hasRoom ? found : undefined;
  const cut = tunedCut(product, device, unit) ?? chooseCut(product, device, unit);
  return ns.length > 1 && !ns.every(isVector) ? { ...cut, pieces: 1 } : cut;
}

export function usesMatrixUnit(
  { precision }: { readonly precision: Precision },
  { f16, subgroups, subgroupMatrix }: KernelFeatures,
): boolean {
  return precision === 'float16' && f16 && subgroups && subgroupMatrix;
}

function addends({ biases = [], residual }: ProductTask): Tensor[] {
  return residual === undefined ? [...biases] : [...biases, residual];
}

function operandParts(operand: Weight): Tensor[] {
  return isPacked(operand) ? packedParts(operand) : [operand];
}

/** Of one B its columns, of several each's and the number of pieces. */
function sidesValues({ ns }: ProductSizes, pieces: number): number[] {
  return ns.length === 1 ? [...ns] : [...ns, pieces];
}

function runFewRows(
  a: Tensor,
  bs: readonly Weight[],
  { task, sizes, subgroups }: Work & { subgroups: boolean },
): Tensor2D[] {
  const { m, ns, k } = sizes;
  const [bias, residual] = [task.biases !== undefined, task.residual !== undefined];
  const columns = sum(ns);
  return runProgram(fewRowsProduct(layoutOf(bs[0]!, k), m, ns.length, bias, residual, subgroups), {
    inputs: [a, ...bs.flatMap(operandParts), ...addends(task)],
    outputs: ns.map((n) => ({ shape: [m, n] })),
    params: [m, k, columns, ...sidesValues(sizes, 1)],
    workgroups: spread(columns),
  }) as Tensor2D[];
}

/** The products by one way of cutting them. */
export function runCut(a: Tensor, bs: readonly Weight[], { task, sizes, cut }: Work & { cut: ProductCut }): Tensor2D[] {
  const { transposeA, transposeB } = task;
  const { m, ns, k } = sizes;
  const { rows, columns, depth } = cut;
  const piece = Math.max(1, Math.ceil(k / cut.pieces / depth)) * depth;
  const pieces = cut.pieces > 1 ? Math.ceil(k / piece) : 1;
  const isCut = pieces > 1;
  const [bias, residual] = [task.biases !== undefined && !isCut, task.residual !== undefined && !isCut];
  const [first] = bs;
  const [layoutA, layoutB] = [layoutOf(a, transposeA ? m : k), layoutOf(first!, transposeB ? k : ns[0]!)];
  const common = [
    transposeA,
    transposeB,
    layoutA,
    layoutB,
    ns.every(isVector),
    ns.length,
    isCut || ns.length === 1,
    bias,
    residual,
    k % depth === 0,
  ] as const;
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
          ...common,
        )
      : tiledProduct(rows, columns, depth, cut.perLaneRows, cut.perLaneColumns, ...common);
  const results = runProgram(program, {
    inputs: [a, ...bs.flatMap(operandParts), ...(isCut ? [] : addends(task))],
    outputs: isCut ? [{ shape: [pieces * m * sum(ns)] }] : ns.map((n) => ({ shape: [m, n] })),
    params: [m, k, piece, ...sidesValues(sizes, pieces), ...(isPacked(first!) ? [first.codes.shape[1]] : [])],
    workgroups: [sum(ns.map((n) => Math.ceil(n / columns))), Math.ceil(m / rows), pieces],
  });
  return isCut ? summed(results[0]!, { task, sizes, pieces }) : (results as Tensor2D[]);
}

function summed(sums: Tensor, { task, sizes, pieces }: Work & { pieces: number }): Tensor2D[] {
  const { m, ns } = sizes;
  const elements = m * sum(ns);
  const results = runProgram(sumPieces(ns.length, task.biases !== undefined, task.residual !== undefined), {
    inputs: [sums, ...addends(task)],
    outputs: ns.map((n) => ({ shape: [m, n] })),
    params: [m, elements / 4, ...(ns.length === 1 ? [pieces] : []), ...sidesValues(sizes, pieces)],
    workgroups: spread(Math.ceil(elements / SUMMED_PER_WORKGROUP)),
  });
  sums.dispose();
  return results as Tensor2D[];
}
