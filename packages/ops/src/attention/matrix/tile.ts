import { webgpuDevice } from '@latte-flow/runtime';

import type { Precision } from '../../kernel/precision.ts';
import { kernelFeatures } from '../../kernel/selection.ts';
import { matrixUnit, type MatrixUnit } from '../../product/matrix-unit.ts';
import { usesMatrixUnit } from '../../product/webgpu.ts';
import { occupancy, type Occupancy } from '../tile.ts';

/**
 * How a workgroup makes a tile of rows x columns of a score matrix with matrix units. Each subgroup owns the rows of one unit and
 * all columns; in between, `lanesPerRow` neighbouring lanes share a row and take turns at its vectors of four columns.
 */
export interface MatrixTile {
  readonly unit: MatrixUnit;
  /** Channels of a head. */
  readonly width: number;
  readonly subgroups: number;
  /** Columns that are in workgroup memory at a time. */
  readonly columns: number;
  readonly lanesPerRow: number;
}

/** A tile as the arguments of a program. */
export type TileKey = readonly [
  unitRows: number,
  unitColumns: number,
  unitDepth: number,
  subgroupSize: number,
  width: number,
  subgroups: number,
  columns: number,
  lanesPerRow: number,
];

export function keyOfTile({ unit, width, subgroups, columns, lanesPerRow }: MatrixTile): TileKey {
  return [unit.rows, unit.columns, unit.depth, unit.subgroupSize, width, subgroups, columns, lanesPerRow];
}

export function tileOfKey(key: TileKey): MatrixTile {
  const [rows, unitColumns, depth, subgroupSize, width, subgroups, columns, lanesPerRow] = key;
  return { unit: { rows, columns: unitColumns, depth, subgroupSize }, width, subgroups, columns, lanesPerRow };
}

/** The fewest columns that are whole units, as columns of scores and as the inner axis of the product after. */
export const stepOf = ({ columns, depth }: MatrixUnit): number => Math.max(columns, depth);
export const rowsOf = ({ subgroups, unit }: MatrixTile): number => subgroups * unit.rows;
export const lanesOf = ({ subgroups, unit }: MatrixTile): number => subgroups * unit.subgroupSize;
/** Rows of a lane. */
export const rowsEachOf = ({ unit, lanesPerRow }: MatrixTile): number => (unit.rows * lanesPerRow) / unit.subgroupSize;
/** Channels, filled up with zeros to whole units. */
export const paddedWidthOf = ({ width, unit }: Pick<MatrixTile, 'width' | 'unit'>): number =>
  Math.ceil(width / stepOf(unit)) * stepOf(unit);

/** Elements of 4 halves between rows of `extent` halves: 2 more shift the banks of neighbouring rows. */
export const halvesStride = (extent: number): number => extent / 4 + 2;
/** Vectors of 4 between rows of scores: the lanes that read at once, `lanesPerRow` in each of several rows, meet no bank twice. */
export const scoresStride = ({ columns, lanesPerRow }: MatrixTile): number => columns / 4 + lanesPerRow;

/** Elements of 4 halves of a staged tile of so many rows of heads. */
export const stagedSize = (tile: MatrixTile, rows: number): number => rows * halvesStride(paddedWidthOf(tile));
/** Elements of 4 halves of a tile of weights. */
export const weightsSize = (tile: MatrixTile): number => rowsOf(tile) * halvesStride(tile.columns);
/** Vectors of a tile of scores. */
export const scoresSize = (tile: MatrixTile): number => rowsOf(tile) * scoresStride(tile);

/** Bytes of workgroup memory. */
export const bytesOf = ({ halves, scores, other }: { halves: number; scores: number; other: number }): number =>
  8 * halves + 16 * scores + other;

/** Wider heads' sums would not stay in registers. */
const MAX_WIDTH = 128;

interface TileDemand {
  readonly width: number;
  /** Rows there are, and workgroups for one tile of all of them. */
  readonly rows: number;
  readonly batches: number;
  /** Columns that a workgroup walks over. */
  readonly columns: number;
}

type UnitLimits = Pick<Occupancy, 'unitStorage' | 'unitSteps' | 'workgroups' | 'lanesPerRow'>;

/**
 * The matrix unit that attention multiplies with in a precision; undefined where the device has none, or none whose rows
 * `subgroupMatrixLoad` may read (they are multiples of 16 bytes).
 */
export function attentionUnit(precision: Precision): MatrixUnit | undefined {
  if (precision !== 'float16') return undefined;
  const { unit: assumed } = occupancy();
  if (assumed !== undefined) return assumed;
  const features = kernelFeatures();
  if (features === undefined || !usesMatrixUnit({ precision }, features)) return undefined;
  const unit = matrixUnit(webgpuDevice()!);
  return unit !== undefined && unit.columns % 8 === 0 && unit.depth % 8 === 0 ? unit : undefined;
}

/** The largest tile that the device's memory holds and that leaves enough workgroups; undefined if none. */
export function chooseMatrixTile(
  unit: MatrixUnit,
  { width, rows, batches, columns: walked }: TileDemand,
  bytes: (tile: MatrixTile) => number,
  limits: UnitLimits = occupancy(),
): MatrixTile | undefined {
  const { unitStorage, unitSteps, workgroups, lanesPerRow = Math.max(1, unit.subgroupSize / unit.rows) } = limits;
  const step = stepOf(unit);
  if (width > MAX_WIDTH || 4 * lanesPerRow > step) return undefined;
  for (const subgroups of [4, 2, 1]) {
    const height = subgroups * unit.rows;
    const isTooTall = subgroups > 1 && (height >= 2 * rows || Math.ceil(rows / height) * batches < workgroups);
    if (isTooTall) continue;
    for (let columns = unitSteps * step; columns >= step; columns /= 2) {
      const isTooWide = columns > step && columns >= 2 * walked;
      const tile = { unit, width, subgroups, columns, lanesPerRow };
      if (!isTooWide && bytes(tile) <= unitStorage) return tile;
    }
  }
  return undefined;
}
