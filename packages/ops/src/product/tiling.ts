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
}

/** A tiling, and the number of pieces that the inner axis is cut into, each summed by workgroups of its own. */
export type ProductCut = (Tiling | MatrixTiling) & { readonly pieces: number };

const tiled = (rows: number, columns: number, depth: number, perLane: readonly [number, number]): Tiling => ({
  kind: 'tiled',
  rows,
  columns,
  depth,
  perLaneRows: perLane[0],
  perLaneColumns: perLane[1],
});

/** From large to small: large tiles read less, small ones keep more of the device busy. */
export const TILINGS: readonly Tiling[] = [
  tiled(128, 128, 8, [8, 8]),
  tiled(64, 128, 8, [8, 8]),
  tiled(64, 64, 16, [8, 4]),
  tiled(32, 32, 16, [4, 4]),
];

interface Blocks {
  /** Subgroups of a workgroup along rows and columns. */
  readonly subgroups: readonly [number, number];
  /** Matrices of sums that a subgroup holds, along rows and columns. */
  readonly perSubgroup: readonly [number, number];
}

function matrixTiling(unit: MatrixUnit, { subgroups, perSubgroup }: Blocks): MatrixTiling {
  return {
    kind: 'matrix',
    unit,
    rows: subgroups[0] * perSubgroup[0] * unit.rows,
    columns: subgroups[1] * perSubgroup[1] * unit.columns,
    depth: 2 * unit.depth,
    subgroupRows: subgroups[0],
    subgroupColumns: subgroups[1],
  };
}

/** From large to small. */
export function matrixTilings(unit: MatrixUnit): MatrixTiling[] {
  return [
    matrixTiling(unit, { subgroups: [2, 4], perSubgroup: [4, 2] }),
    matrixTiling(unit, { subgroups: [2, 2], perSubgroup: [2, 2] }),
  ];
}

export function lanesOf({ rows, columns, perLaneRows, perLaneColumns }: Omit<Tiling, 'kind'>): number {
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

/** Workgroups that keep a large device busy. */
const BUSY = 256;
/** The least length of a piece of the inner axis, in depths: shorter ones cost more in their sum than they save. */
const MIN_PIECE_DEPTHS = 8;

function workgroups({ m, n }: ProductSize, { rows, columns }: Tiling | MatrixTiling): number {
  return Math.ceil(m / rows) * Math.ceil(n / columns);
}

/** The tiling and pieces for a product on a device, by its size alone: with matrix units where `unit` is given. */
export function chooseCut(size: ProductSize, device: GPUDevice, unit?: MatrixUnit): ProductCut {
  const memory = device.limits.maxComputeWorkgroupStorageSize;
  const tilings: readonly (Tiling | MatrixTiling)[] = unit === undefined ? TILINGS : matrixTilings(unit);
  const candidates = tilings.filter((tiling) => workgroupMemory(tiling) <= memory);
  const fits = candidates.filter(({ rows, columns }) => rows < 2 * size.m && columns < 2 * size.n);
  const all = fits.length > 0 ? fits : candidates.slice(-1);
  const tiling = all.find((candidate) => workgroups(size, candidate) >= BUSY) ?? all.at(-1)!;
  const canCut = (size.m * size.n) % 4 === 0;
  const wanted = Math.ceil(BUSY / workgroups(size, tiling));
  const most = Math.floor(size.k / (tiling.depth * MIN_PIECE_DEPTHS));
  return { ...tiling, pieces: canCut ? Math.max(1, Math.min(wanted, most, 64)) : 1 };
}
