import { largestTensorBytes } from '@latte-flow/runtime';

import type { MatrixUnit } from './matrix-unit.ts';

/** Sizes of a product [M, K] x [K, N]. */
export interface ProductSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** How a workgroup of plain WGSL makes its tile of the result. */
export interface Tiling {
  readonly kind: 'tiled';
  /** Of the result. */
  readonly rows: number;
  readonly columns: number;
  /** Of the inner axis that is in workgroup memory at a time. */
  readonly depth: number;
  /** What one invocation makes: multiples of 4. */
  readonly perLaneRows: number;
  readonly perLaneColumns: number;
  /** Its speed as a share of the fastest tiling's, where there is enough to do: measured on one H200. */
  readonly speed: number;
}

/** How a workgroup makes its tile with the matrix units of its subgroups. */
export interface MatrixTiling {
  readonly kind: 'matrix';
  readonly unit: MatrixUnit;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Subgroups along rows and columns. */
  readonly subgroupRows: number;
  readonly subgroupColumns: number;
  readonly speed: number;
}

/** A tiling, and the number of pieces that the inner axis is cut into, each summed by workgroups of its own. */
export type ProductCut = (Tiling | MatrixTiling) & { readonly pieces: number };

const tiled = (
  [rows, columns, depth]: readonly [number, number, number],
  [perLaneRows, perLaneColumns]: readonly [number, number],
  speed: number,
): Tiling => ({ kind: 'tiled', rows, columns, depth, perLaneRows, perLaneColumns, speed });

/** Large tiles read less, small ones keep more of the device busy. Of equals in the model below the first is taken. */
export const TILINGS: readonly Tiling[] = [
  tiled([128, 128, 16], [8, 8], 1),
  tiled([128, 64, 16], [8, 8], 0.98),
  tiled([64, 128, 16], [8, 8], 0.96),
  tiled([128, 128, 8], [8, 8], 0.94),
  tiled([64, 64, 16], [8, 8], 0.93),
  tiled([64, 64, 16], [8, 4], 0.9),
  tiled([32, 64, 16], [4, 4], 0.72),
  tiled([32, 32, 16], [4, 4], 0.66),
];

interface Blocks {
  /** Subgroups of a workgroup along rows and columns. */
  readonly subgroups: readonly [number, number];
  /** Matrices of sums that a subgroup holds, along rows and columns. */
  readonly perSubgroup: readonly [number, number];
  /** Units that a tile is deep. */
  readonly depth: number;
  readonly speed: number;
}

function matrixTiling(unit: MatrixUnit, { subgroups, perSubgroup, depth, speed }: Blocks): MatrixTiling {
  return {
    kind: 'matrix',
    unit,
    rows: subgroups[0] * perSubgroup[0] * unit.rows,
    columns: subgroups[1] * perSubgroup[1] * unit.columns,
    depth: depth * unit.depth,
    subgroupRows: subgroups[0],
    subgroupColumns: subgroups[1],
    speed,
  };
}

export function matrixTilings(unit: MatrixUnit): MatrixTiling[] {
  return [
    matrixTiling(unit, { subgroups: [2, 4], perSubgroup: [4, 2], depth: 4, speed: 1 }),
    matrixTiling(unit, { subgroups: [4, 4], perSubgroup: [2, 4], depth: 2, speed: 1 }),
    matrixTiling(unit, { subgroups: [2, 4], perSubgroup: [2, 2], depth: 2, speed: 0.93 }),
    matrixTiling(unit, { subgroups: [1, 4], perSubgroup: [4, 2], depth: 2, speed: 0.89 }),
    matrixTiling(unit, { subgroups: [2, 2], perSubgroup: [2, 2], depth: 4, speed: 0.86 }),
    matrixTiling(unit, { subgroups: [2, 2], perSubgroup: [2, 2], depth: 2, speed: 0.85 }),
  ];
}

export function lanesOf({ rows, columns, perLaneRows, perLaneColumns }: Omit<Tiling, 'kind' | 'speed'>): number {
  return (rows / perLaneRows) * (columns / perLaneColumns);
}

/** Bytes of workgroup memory. */
export function workgroupMemory(tiling: Tiling | MatrixTiling): number {
  const { rows, columns, depth } = tiling;
  if (tiling.kind === 'tiled') return 4 * depth * (rows + columns + 8);
  const staged = Math.max((rows + columns) * (depth + 8), depth * (rows + columns + 16));
  const { unit, subgroupRows, subgroupColumns } = tiling;
  return 2 * staged + 4 * unit.rows * unit.columns * subgroupRows * subgroupColumns;
}

function lanes(tiling: Tiling | MatrixTiling): number {
  if (tiling.kind === 'tiled') return lanesOf(tiling);
  return tiling.subgroupRows * tiling.subgroupColumns * tiling.unit.subgroupSize;
}

/** The tilings that a device has the workgroup memory and invocations for; with matrix units where `unit` is given. */
export function usableTilings({ limits }: GPUDevice, unit?: MatrixUnit): readonly (Tiling | MatrixTiling)[] {
  const all: readonly (Tiling | MatrixTiling)[] = unit === undefined ? TILINGS : matrixTilings(unit);
  return all.filter(
    (tiling) =>
      workgroupMemory(tiling) <= limits.maxComputeWorkgroupStorageSize &&
      lanes(tiling) <= limits.maxComputeInvocationsPerWorkgroup,
  );
}

/** The model of a large device that cuts are chosen by: cycles of one of its processors, of an H200 as measured. */
const PROCESSORS = 132;
const PRODUCTS_PER_CYCLE = { tiled: 76, matrix: 250 } as const;
/** Lanes that a processor needs to hide its latencies; with a share of them it reaches the root of that share. */
const BUSY_LANES = 768;
/** Of a dispatch that adds up pieces: its start, and what a processor moves a cycle. */
const START_CYCLES = 16_000;
const BYTES_PER_CYCLE = 8;

function estimatedCycles({ m, n, k }: ProductSize, tiling: Tiling | MatrixTiling, pieces: number): number {
  const tiles = Math.ceil(m / tiling.rows) * Math.ceil(n / tiling.columns);
  const perProcessor = Math.ceil((tiles * pieces) / PROCESSORS);
  const occupancy = Math.sqrt(Math.min(1, (perProcessor * lanes(tiling)) / BUSY_LANES));
  const products = perProcessor * tiling.rows * tiling.columns * Math.ceil(k / pieces);
  const multiplied = products / (PRODUCTS_PER_CYCLE[tiling.kind] * tiling.speed * occupancy);
  const bytes = 8 * pieces * m * n;
  return multiplied + (pieces === 1 ? 0 : START_CYCLES + bytes / (PROCESSORS * BYTES_PER_CYCLE));
}

const MOST_PIECES = 64;

/** Whether the pieces' results, which lie one after another in one buffer, are added up in vectors of 4 and fit the device. */
export function canBeCut({ m, n }: Pick<ProductSize, 'm' | 'n'>, pieces: number): boolean {
  return pieces === 1 || ((m * n) % 4 === 0 && 4 * pieces * m * n <= largestTensorBytes());
}

/** The tiling and pieces for a product on a device, by its size alone: with matrix units where `unit` is given. */
export function chooseCut(size: ProductSize, device: GPUDevice, unit?: MatrixUnit): ProductCut {
  let best: { readonly cut: ProductCut; readonly cycles: number } | undefined;
  for (const tiling of usableTilings(device, unit)) {
    const most = Math.min(MOST_PIECES, Math.floor(size.k / (4 * tiling.depth)));
    for (let pieces = 1; pieces === 1 || (pieces <= most && canBeCut(size, pieces)); pieces++) {
      const cycles = estimatedCycles(size, tiling, pieces);
      if (best === undefined || cycles < best.cycles) best = { cut: { ...tiling, pieces }, cycles };
    }
  }
  return best!.cut;
}
