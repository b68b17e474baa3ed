import { each, lines, range } from '../../kernel/unrolled.ts';
import { eachRow, eachVector, rowAt, scoreAt, vectorAt } from './lanes.ts';
import { halvesStride, paddedWidthOf, rowsOf, scoresSize, scoresStride, type MatrixTile } from './tile.ts';

export const DIRECTIVES =
  'enable f16; enable subgroups; enable chromium_experimental_subgroup_matrix; diagnostic(off, chromium.subgroup_matrix_uniformity); diagnostic(off, subgroup_uniformity);';

/** The types of a unit's matrices; they name columns first. */
const leftOf = ({ unit }: MatrixTile): string => `subgroup_matrix_left<f16, ${unit.depth}, ${unit.rows}>`;
const rightOf = ({ unit }: MatrixTile): string => `subgroup_matrix_right<f16, ${unit.columns}, ${unit.depth}>`;
const resultOf = ({ unit }: MatrixTile): string => `subgroup_matrix_result<f32, ${unit.columns}, ${unit.rows}>`;

export const scoresArray = (name: string, tile: MatrixTile): string =>
  `var<workgroup> ${name}: array<vec4f, ${scoresSize(tile)}>;`;

/** WGSL: matrices NAME_k of the subgroup's rows of a staged tile of all rows, k along the channels. */
export function rowMatrices(tile: MatrixTile, name: string, area: number): string {
  const { depth } = tile.unit;
  const stride = halvesStride(paddedWidthOf(tile));
  return each(
    paddedWidthOf(tile) / depth,
    (k) =>
      `let ${name}_${k} = subgroupMatrixLoad<${leftOf(tile)}, row_major>(&halves, ${area + (k * depth) / 4}u + subgroup_row * ${stride}u, ${stride}u);`,
  );
}

interface ScoreProduct {
  /** Matrices of the rows. */
  readonly rows: string;
  /** Where the columns' heads are staged. */
  readonly area: number;
  /** Array of scores. */
  readonly into: string;
}

/** WGSL: products of the subgroup's rows with the heads of so many columns, through the channels. */
export function multiplyHeads(tile: MatrixTile, columns: number, { rows, area, into }: ScoreProduct): string {
  const { unit } = tile;
  const stride = halvesStride(paddedWidthOf(tile));
  const steps = paddedWidthOf(tile) / unit.depth;
  const zero = `${resultOf(tile)}()`; // a variable without a value keeps that of the walk's last turn: Tint sets it to zero once
  const column = (j: number, k: number): string =>
    `subgroupMatrixLoad<${rightOf(tile)}, col_major>(&halves, ${area + j * unit.columns * stride + (k * unit.depth) / 4}u, ${stride}u)`;
  return each(
    columns / unit.columns,
    (j) => `{
      ${each(steps, (k) => `let sum_${k} = subgroupMatrixMultiplyAccumulate(${rows}_${k}, ${column(j, k)}, ${k === 0 ? zero : `sum_${k - 1}`});`)}
      subgroupMatrixStore<row_major>(&${into}, subgroup_row * ${scoresStride(tile)}u + ${(j * unit.columns) / 4}u, sum_${steps - 1}, ${scoresStride(tile)}u);
    }`,
  );
}

const unitsAcross = (tile: MatrixTile): number => paddedWidthOf(tile) / tile.unit.columns;

/** WGSL: matrices NAME_f of sums of the subgroup's rows, f along the channels. */
export const sums = (tile: MatrixTile, name: string): string =>
  each(unitsAcross(tile), (f) => `var ${name}_${f}: ${resultOf(tile)};`);

interface WeightedSum {
  readonly sum: string;
  /** Where the weights lie: of all rows, or of the columns one after another (`byColumn`). */
  readonly weights: number;
  readonly byColumn?: boolean;
  /** Where the columns' heads are staged. */
  readonly heads: number;
}

/** WGSL: adds the heads of so many columns, weighted, to the sums. */
export function accumulate(tile: MatrixTile, columns: number, { sum, weights, byColumn, heads }: WeightedSum): string {
  const { unit } = tile;
  const stride = halvesStride(paddedWidthOf(tile));
  const weight = (c: number): string => {
    const load = (layout: string, at: string, weightStride: number): string =>
      `subgroupMatrixLoad<${leftOf(tile)}, ${layout}>(&halves, ${at}, ${weightStride}u)`;
    if (byColumn === true) {
      const columnStride = halvesStride(rowsOf(tile));
      return load('col_major', `${weights + c * unit.depth * columnStride}u + subgroup_row / 4u`, columnStride);
    }
    const rowStride = halvesStride(tile.columns);
    return load('row_major', `${weights + (c * unit.depth) / 4}u + subgroup_row * ${rowStride}u`, rowStride);
  };
  const head = (c: number, f: number): string =>
    `subgroupMatrixLoad<${rightOf(tile)}, row_major>(&halves, ${heads + c * unit.depth * stride + (f * unit.columns) / 4}u, ${stride}u)`;
  return each(
    columns / unit.depth,
    (c) => `{
      let weight = ${weight(c)};
      ${each(unitsAcross(tile), (f) => `${sum}_${f} = subgroupMatrixMultiplyAccumulate(weight, ${head(c, f)}, ${sum}_${f});`)}
    }`,
  );
}

/** The sums by chunks of so many channels as a tile of scores has columns. */
function chunksOf(tile: MatrixTile): { readonly first: number; readonly channels: number }[] {
  const width = paddedWidthOf(tile);
  return range(Math.ceil(width / tile.columns)).map((chunk) => {
    const first = chunk * tile.columns;
    return { first, channels: Math.min(tile.columns, width - first) };
  });
}

/**
 * WGSL: lanes run `use(i, f, channels)` with the sums in the place of scores: chunk after chunk of their channels, of which `first`
 * is the first. The scores must be done with; so are these at the end, after a barrier.
 */
export function throughScores(
  tile: MatrixTile,
  { name, use, isLoadedBack = false }: { name: string; use: (chunk: Chunk) => string; isLoadedBack?: boolean },
): string {
  const { unit } = tile;
  const stride = scoresStride(tile);
  return lines(
    chunksOf(tile).map(({ first, channels }) => {
      const units = range(channels / unit.columns).map((j) => ({
        sum: `${name}_${first / unit.columns + j}`,
        at: `subgroup_row * ${stride}u + ${(j * unit.columns) / 4}u`,
      }));
      return `
        ${lines(units.map(({ sum, at }) => `subgroupMatrixStore<row_major>(&scores, ${at}, ${sum}, ${stride}u);`))}
        workgroupBarrier();
        ${use({ first, channels })}
        workgroupBarrier();
        ${
          isLoadedBack
            ? `${lines(units.map(({ sum, at }) => `${sum} = subgroupMatrixLoad<${resultOf(tile)}, row_major>(&scores, ${at}, ${stride}u);`))}
               workgroupBarrier();`
            : ''
        }`;
    }),
  );
}

interface Chunk {
  /** Its first channel. */
  readonly first: number;
  readonly channels: number;
}

interface Writing {
  readonly name: string;
  /** WGSL: how many of the tile's rows are there. */
  readonly count: string;
  /** WGSL: what becomes of vector e of row i. */
  store(i: number, e: string, value: string): string;
}

/** WGSL: writes the sums of rows that are there. */
export function writeSums(tile: MatrixTile, { name, count, store }: Writing): string {
  const use = ({ first, channels }: Chunk): string =>
    eachRow(
      tile,
      (i) => `if (${rowAt(tile, i)} < ${count}) {
        ${eachVector(tile, channels, (f) => {
          const e = `(${first / 4}u + ${vectorAt(tile, f)})`;
          const text = store(i, e, `scores[${scoreAt(tile, i, f)}]`);
          return first + channels > tile.width ? `if (${e} < VECTORS) { ${text} }` : text;
        })}
      }`,
    );
  return throughScores(tile, { name, use });
}
