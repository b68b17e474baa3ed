import { lines, range } from '../../kernel/unrolled.ts';
import { vectorsOf } from '../tile.ts';
import { rowMatrices } from './products.ts';
import { halvesStride, lanesOf, paddedWidthOf, rowsOf, type MatrixTile } from './tile.ts';

/**
 * WGSL constants. In workgroup memory 4 halves are one element of `halves`, so that a lane stores what it read at once; the units
 * read the bits as halves.
 */
export function tileConstants(tile: MatrixTile): string {
  return /* wgsl */ `
    const VECTORS = ${vectorsOf(tile)}u;
    const ROWS = ${rowsOf(tile)}u;
    const SCALE = ${1 / Math.sqrt(tile.width)};
    const HIDDEN = -1e38; // a column that is not there
    fn halves_of(values: vec4f) -> vec2u { return bitcast<vec2u>(vec4<f16>(values)); }`;
}

export const halvesArray = (size: number): string => `var<workgroup> halves: array<vec2u, ${size}>;`;

interface Copy {
  /** First element of its place in `halves`. */
  readonly area: number;
  /** WGSL: vector e of a row of the tile. */
  load(row: string, e: string): string;
}

/** Reads of a lane that are under way at once. */
const MAX_READS = 16;

/**
 * WGSL: all lanes copy `rows` rows of heads as halves, zeros beyond their channels, and beyond the `count` rows that are there if
 * it is given.
 */
export function stage(tile: MatrixTile, rows: number, copies: readonly Copy[], count?: string): string {
  const [across, lanes] = [paddedWidthOf(tile) / 4, lanesOf(tile)];
  const perLane = Math.ceil((rows * across) / lanes);
  const isInStep = lanes % across === 0; // a lane keeps its vector, and goes down the rows
  const places = range(perLane).map((p) => {
    const at = `(lane + ${p * lanes}u)`;
    const row = isInStep ? `lane / ${across}u + ${p * (lanes / across)}u` : `${at} / ${across}u`;
    return `let row_${p} = ${row}; let e_${p} = ${isInStep ? 'lane' : at} % ${across}u;`;
  });
  const isWhole = (p: number): boolean => (p + 1) * lanes <= rows * across;
  const reads = copies.flatMap((copy, c) => range(perLane).map((p) => ({ ...copy, p, name: `staged_${c}_${p}` })));
  const read = ({ name, p, load }: (typeof reads)[number]): string => {
    const value = load(`row_${p}`, `e_${p}`);
    const conditions = [
      ...(count !== undefined ? [`row_${p} < ${count}`] : isWhole(p) ? [] : [`row_${p} < ${rows}u`]),
      ...(vectorsOf(tile) < across ? [`e_${p} < VECTORS`] : []),
    ];
    if (conditions.length === 0) return `let ${name} = ${value};`;
    return `var ${name} = vec4f(); if (${conditions.join(' && ')}) { ${name} = ${value}; }`;
  };
  const store = ({ name, p, area }: (typeof reads)[number]): string => {
    const text = `halves[${area}u + row_${p} * ${halvesStride(paddedWidthOf(tile))}u + e_${p}] = halves_of(${name});`;
    return isWhole(p) ? text : `if (row_${p} < ${rows}u) { ${text} }`;
  };
  const batches = range(Math.ceil(reads.length / MAX_READS)).map((i) => {
    const batch = reads.slice(i * MAX_READS, (i + 1) * MAX_READS);
    return lines([...batch.map(read), ...batch.map(store)]);
  });
  return `{ ${lines(places)} ${lines(batches)} }`;
}

/**
 * WGSL: the tile's rows of the buffer `from` as matrices NAME_k, by way of the first elements of `halves`. Its first row is
 * `first_row`, and `rows_there` of them are there.
 */
export function loadRows(tile: MatrixTile, from: string, name: string): string {
  const copy = { area: 0, load: (row: string, e: string) => `load_${from}(first_row + ${row}, ${e})` };
  return /* wgsl */ `
    ${stage(tile, rowsOf(tile), [copy], 'rows_there')}
    workgroupBarrier();
    ${rowMatrices(tile, name, 0)}
    workgroupBarrier();`;
}
