import { webgpuDevice } from '@latte-flow/runtime';

import type { MatrixUnit } from '../product/matrix-unit.ts';

/** Invocations of a workgroup. */
export const LANES = 128;

/** Vectors of accumulators that an invocation may hold beside its tile of scores before registers spill. */
const MAX_ACCUMULATORS = 16;

/** What tiles and parts are made for. */
export interface Occupancy {
  /** Bytes of workgroup memory that a kernel takes at most. */
  readonly storage: number;
  /** Workgroups from which the device is busy. */
  readonly workgroups: number;
  /** Storage buffers that a program may bind. */
  readonly buffers: number;
  /** Bytes of workgroup memory that a kernel on matrix units takes at most. */
  readonly unitStorage: number;
  /** Units of columns that it has in workgroup memory at most. Their products are written out one by one. */
  readonly unitSteps: number;
  /** The matrix unit to write kernels for, and how many lanes share a row there. Default: what the device has. */
  readonly unit?: MatrixUnit;
  readonly lanesPerRow?: number;
}

let assumed: Partial<Occupancy> = {};

/** Runs `work` as on a device of other limits: tests every tile on one machine. */
export function withOccupancy<T>(occupancy: Partial<Occupancy>, work: () => T): T {
  const outer = assumed;
  assumed = occupancy;
  try {
    return work();
  } finally {
    assumed = outer;
  }
}

/** More workgroup memory would leave too few workgroups to hide each other's waits. */
const MAX_STORAGE = 32 * 1024;
/** Matrix units make up for it: their operands are read from there again and again. */
const MAX_UNIT_STORAGE = 48 * 1024;

export function occupancy(): Occupancy {
  const { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } = webgpuDevice()!.limits;
  return {
    storage: Math.min(MAX_STORAGE, maxComputeWorkgroupStorageSize),
    workgroups: 256,
    buffers: maxStorageBuffersPerShaderStage,
    unitStorage: Math.min(MAX_UNIT_STORAGE, maxComputeWorkgroupStorageSize),
    unitSteps: 4,
    ...assumed,
  };
}

/**
 * How a workgroup's lanes share a tile of rows x columns of a score matrix. Lane (y, x) holds rows `y + 128 / lanesX * i`
 * and the four neighbouring columns from `4 x`.
 */
export interface Tile {
  /** Channels of a head. */
  readonly width: number;
  /** Lanes along the columns: 8, 4, 2 or 1. */
  readonly lanesX: number;
  /** Rows of a lane. */
  readonly rowsEach: number;
}

interface TileDemand {
  readonly width: number;
  /** Rows there are, and workgroups for one tile of all of them. */
  readonly rows: number;
  readonly batches: number;
  /** Tiles of columns x channels in workgroup memory, of rows x columns, and sets of accumulators. */
  readonly staged: number;
  readonly weights: number;
  readonly sums: number;
}

export const rowsOf = ({ lanesX, rowsEach }: Tile): number => (LANES / lanesX) * rowsEach;
export const columnsOf = ({ lanesX }: Tile): number => 4 * lanesX;
/** Vectors of four channels, the last one filled up with zeros. */
export const vectorsOf = ({ width }: Pick<Tile, 'width'>): number => Math.ceil(width / 4);
/** Vectors between rows of a staged tile: a multiple of 8, over which neighbouring rows are spread. */
export const pitchOf = (tile: Pick<Tile, 'width'>): number => Math.ceil(vectorsOf(tile) / 8) * 8;

/** The largest tile that the device's memory and registers hold, and that leaves enough workgroups; undefined if none. */
export function chooseTile({ width, rows, batches, staged, weights, sums }: TileDemand): Tile | undefined {
  const { storage, workgroups } = occupancy();
  for (let lanesX = 8; lanesX >= 1; lanesX /= 2) {
    for (let rowsEach = 4; rowsEach >= 1; rowsEach /= 2) {
      const tile = { width, lanesX, rowsEach };
      const [height, columns] = [rowsOf(tile), columnsOf(tile)];
      const bytes = 16 * (staged * columns * pitchOf(tile) + (weights * height * columns) / 4) + 4 * height * lanesX;
      const accumulators = sums * rowsEach * Math.ceil(vectorsOf(tile) / lanesX);
      if (bytes > storage || accumulators > MAX_ACCUMULATORS) continue;
      const isTooTall = rowsEach > 1 && (height >= 2 * rows || Math.ceil(rows / height) * batches < workgroups);
      if (!isTooTall) return tile;
    }
  }
  return undefined;
}
