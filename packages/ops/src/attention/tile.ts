import { webgpuDevice } from '@latte-flow/runtime';

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

export function occupancy(): Occupancy {
  const { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } = webgpuDevice()!.limits;
  return {
    storage: Math.min(MAX_STORAGE, maxComputeWorkgroupStorageSize),
    workgroups: 256,
    buffers: maxStorageBuffersPerShaderStage,
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
const pitchOf = (tile: Pick<Tile, 'width'>): number => Math.ceil(vectorsOf(tile) / 8) * 8;

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

/** Joins one piece of WGSL for each i < count. */
export const each = (count: number, piece: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => piece(i)).join('\n');

/** The declaration of a buffer of heads. */
export const headsBuffer = (name: string, width: number): string =>
  `${name}: array<${width % 4 === 0 ? 'vec4f' : 'f32'}>`;

/** WGSL: `load_NAME(row, e)` reads vector e of a row of the buffer NAME, zeros beyond its channels. */
export function loadFunction(name: string, width: number): string {
  const body =
    width % 4 === 0
      ? `return ${name}[row * ${width / 4}u + e];`
      : `var vector = vec4f();
         for (var i = 0u; i < min(4u, ${width}u - 4u * e); i++) { vector[i] = ${name}[row * ${width}u + 4u * e + i]; }
         return vector;`;
  return `fn load_${name}(row: u32, e: u32) -> vec4f { ${body} }`;
}

/** WGSL: `store_NAME(row, e, vector)`. */
export function storeFunction(name: string, width: number): string {
  const body =
    width % 4 === 0
      ? `${name}[row * ${width / 4}u + e] = vector;`
      : `for (var i = 0u; i < min(4u, ${width}u - 4u * e); i++) { ${name}[row * ${width}u + 4u * e + i] = vector[i]; }`;
  return `fn store_${name}(row: u32, e: u32, vector: vec4f) { ${body} }`;
}

/** WGSL constants and places in workgroup memory, and where a lane stands in the tile. */
export function tileConstants(tile: Tile): string {
  const { lanesX, width } = tile;
  const columns = columnsOf(tile);
  return /* wgsl */ `
    const VECTORS = ${vectorsOf(tile)}u;
    const ROWS = ${rowsOf(tile)}u;
    const COLUMNS = ${columns}u;
    const LANES_X = ${lanesX}u;
    const LANES_Y = ${LANES / lanesX}u;
    const PITCH = ${pitchOf(tile)}u;
    const SCALE = ${1 / Math.sqrt(width)};
    const HIDDEN = -1e38; // a column that is not there
    // Vectors of a row change places with the row, so that lanes that read neighbouring rows meet no bank twice.
    fn staged_at(column: u32, e: u32) -> u32 { return column * PITCH + (e ^ ((column / 4u) & 7u)); }
    fn weight_at(row: u32, x: u32) -> u32 { return row * LANES_X + (x ^ (row & (LANES_X - 1u))); }
  `;
}

export const stagedArray = (name: string, tile: Tile): string =>
  `var<workgroup> ${name}: array<vec4f, ${columnsOf(tile) * pitchOf(tile)}>;`;
export const weightsArray = (name: string, tile: Tile): string =>
  `var<workgroup> ${name}: array<vec4f, ${rowsOf(tile) * tile.lanesX}>;`;

/** WGSL: all lanes copy the rows of a tile of columns from `load(column, e)`, which is called for present ones only. */
export function stage(copies: readonly { to: string; load: string }[], count: string): string {
  return /* wgsl */ `
    for (var i = lane; i < COLUMNS * VECTORS; i += ${LANES}u) {
      let column = i / VECTORS;
      let e = i % VECTORS;
      let isThere = column < ${count};
      ${copies
        .map(
          ({ to, load }, copy) => `
            var vector${copy} = vec4f();
            if (isThere) { vector${copy} = ${load}; }
            ${to}[staged_at(column, e)] = vector${copy};`,
        )
        .join('')}
    }`;
}

const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

/**
 * WGSL: products of the lane's rows with its four columns, one vector NAME_i a row. `row` gives vector e of row i.
 */
export function products(
  { rowsEach }: Tile,
  pairs: readonly { name: string; row: (i: number) => string; staged: string }[],
): string {
  return /* wgsl */ `
    ${pairs.map(({ name }) => each(rowsEach, (i) => `var ${name}_${i} = vec4f();`)).join('\n')}
    for (var e = 0u; e < VECTORS; e++) {
      let first = staged_at(4u * x, e);
      ${pairs
        .map(
          ({ name, row, staged }) => `{
            ${each(4, (c) => `let column_${c} = ${staged}[first + ${c}u * PITCH];`)}
            ${each(
              rowsEach,
              (i) => `{
                let row = ${row(i)};
                ${COMPONENTS.map((channel) => COMPONENTS.map((k, c) => `${name}_${i}.${k} += row.${channel} * column_${c}.${channel};`).join('\n')).join('\n')}
              }`,
            )}
          }`,
        )
        .join('\n')}
    }`;
}

/** WGSL: accumulators NAME_i_f, vector `x + LANES_X f` of row i. */
export function sums({ rowsEach, ...tile }: Tile, name: string): string {
  return each(rowsEach, (i) =>
    each(Math.ceil(vectorsOf(tile) / tile.lanesX), (f) => `var ${name}_${i}_${f} = vec4f();`),
  );
}

/** WGSL: adds the products of a tile of weights with a staged tile to the accumulators. */
export function accumulate(
  { rowsEach, ...tile }: Tile,
  pairs: readonly { name: string; weights: string; staged: string }[],
): string {
  const vectors = Math.ceil(vectorsOf(tile) / tile.lanesX);
  return /* wgsl */ `
    for (var j = 0u; j < LANES_X; j++) {
      ${pairs
        .map(
          ({ name, weights, staged }) => `{
            ${each(rowsEach, (i) => `let weight_${i} = ${weights}[weight_at(y + ${i}u * LANES_Y, j)];`)}
            ${each(4, (c) =>
              each(
                vectors,
                (f) => `{
                  let vector = ${staged}[staged_at(4u * j + ${c}u, x + ${f}u * LANES_X)];
                  ${each(rowsEach, (i) => `${name}_${i}_${f} += weight_${i}.${COMPONENTS[c]} * vector;`)}
                }`,
              ),
            )}
          }`,
        )
        .join('\n')}
    }`;
}

/** WGSL: runs `store(i, f)` for the vectors of the lane's rows that are there. */
export function storeRows(
  { rowsEach, ...tile }: Tile,
  { count, store }: { count: string; store: (i: number, f: number) => string },
): string {
  return each(
    rowsEach,
    (i) => `if (row_${i} < ${count}) {
      ${each(Math.ceil(vectorsOf(tile) / tile.lanesX), (f) => `if (x + ${f}u * LANES_X < VECTORS) { ${store(i, f)} }`)}
    }`,
  );
}

/** The declaration of a buffer of maps; in vectors of four keys where no four of a tile are in two places. */
export const mapBuffer = (name: string, inVectors: boolean): string => `${name}: array<${inVectors ? 'vec4f' : 'f32'}>`;

/** True if the four columns of a lane are all of the context, all of the own block, or all beyond. */
export const fallsInVectors = (queries: number, contextTokens: number): boolean =>
  queries % 4 === 0 && contextTokens % 4 === 0;

/** WGSL: `load_NAME(at, is_there)` reads four neighbours of a map, zeros where there is nothing. */
export function mapLoad(name: string, inVectors: boolean): string {
  const body = inVectors
    ? `if (is_there.x) { values = ${name}[at / 4u]; }`
    : `for (var c = 0u; c < 4u; c++) { if (is_there[c]) { values[c] = ${name}[at + c]; } }`;
  return `fn load_${name}(at: u32, is_there: vec4<bool>) -> vec4f { var values = vec4f(); ${body} return values; }`;
}

/** WGSL: `store_NAME(at, is_there, values)`. */
export function mapStore(name: string, inVectors: boolean): string {
  const body = inVectors
    ? `if (is_there.x) { ${name}[at / 4u] = values; }`
    : `for (var c = 0u; c < 4u; c++) { if (is_there[c]) { ${name}[at + c] = values[c]; } }`;
  return `fn store_${name}(at: u32, is_there: vec4<bool>, values: vec4f) { ${body} }`;
}
