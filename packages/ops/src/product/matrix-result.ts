import { lines, range } from '../kernel/unrolled.ts';
import type { MatrixUnit } from './matrix-unit.ts';
import { ofSide, TILE_SIDE, type Sides, type SidesWgsl } from './sides.ts';

/** What a workgroup's sums are, and where. */
export interface ResultTile {
  readonly unit: MatrixUnit;
  readonly rows: number;
  readonly columns: number;
  readonly subgroupRows: number;
  readonly subgroupColumns: number;
}

/** WGSL of the sums of a subgroup: `sum{i}_{j}`, a matrix of the unit's size each. */
export interface ResultWgsl {
  readonly memory: string;
  readonly functions: string;
  /** Before the products: declares the sums, and begins them with what is added to them where the tile lies whole in the result. */
  readonly begin: string;
  /** After them: writes the sums. */
  readonly end: string;
}

/**
 * Sums begin with the residual or the biases, and go from the units to memory at once, where the tile lies whole in the result. Elsewhere,
 * and with both, matrix after matrix goes through workgroup memory and is written value by value.
 *
 * @param isVector every side's columns are a multiple of 4
 */
export function matrixResult(
  tile: ResultTile,
  { sides, wgsl, isVector }: { readonly sides: Sides; readonly wgsl: SidesWgsl; readonly isVector: boolean },
): ResultWgsl {
  const { unit, rows, columns, subgroupRows, subgroupColumns } = tile;
  const [tallest, widest] = [rows / subgroupRows / unit.rows, columns / subgroupColumns / unit.columns];
  const blocks = range(tallest).flatMap((i) => range(widest).map((j) => [i, j] as const));
  const lanes = subgroupRows * subgroupColumns * unit.subgroupSize;
  const { count, isOneResult, bias, residual } = sides;
  const width = wgsl.tileWidth;
  const size = unit.rows * unit.columns;
  // The type names columns first.
  const matrix = `subgroup_matrix_result<f32, ${unit.columns}, ${unit.rows}>`;
  const isDirect = isVector && !(bias && residual);
  const place = ([i, j]: readonly [number, number]): string =>
    `(first + ${i * unit.rows}u * ${width} + ${j * unit.columns}u) / 4u, ${width} / 4u`;
  const load = (block: readonly [number, number], from: string, at: string): string =>
    `sum${block.join('_')} = subgroupMatrixLoad<${matrix}, row_major>(&${from}, ${at});`;
  const store = (to: string): string =>
    lines(
      blocks.map((block) => {
        const [at, stride] = place(block).split(', ');
        return `subgroupMatrixStore<row_major>(&${to}, ${at}, sum${block.join('_')}, ${stride});`;
      }),
    );
  // Rows of biases, for the units to read. There is room: a tile is at least twice as deep as a unit.
  const beginWithBiases = /* wgsl */ `
    for (var i = lane; i < ${(unit.rows * columns) / 4}u; i += ${lanes}u) {
      let values = bias_at(column_start / 4u + i % ${columns / 4}u);
      tile_b[2u * i] = bitcast<vec2u>(values.xy);
      tile_b[2u * i + 1u] = bitcast<vec2u>(values.zw);
    }
    workgroupBarrier();
    ${lines(blocks.map((block) => load(block, 'tile_b', `(subgroup_column + ${block[1] * unit.columns}u) / 2u, ${columns / 2}u`)))}
    workgroupBarrier();`;
  const storeBlock = ([i, j]: readonly [number, number]): string => /* wgsl */ `
    subgroupMatrixStore<row_major>(&sums, own, sum${i}_${j}, ${unit.columns}u);
    workgroupBarrier();
    write_block(group.z, first_row + ${i * unit.rows}u, first_column + ${j * unit.columns}u, own, member);
    workgroupBarrier();`;
  return {
    memory: `var<workgroup> sums: array<f32, ${subgroupRows * subgroupColumns * size}>;`,
    functions: blockWriter(unit, wgsl, isVector),
    begin: /* wgsl */ `
      let first_row = row_start + subgroup_row;
      let first_column = column_start + subgroup_column;
      ${lines(blocks.map((block) => `var sum${block.join('_')}: ${matrix};`))}
      ${
        isDirect
          ? /* wgsl */ `
        let first = ${wgsl.tileBase} + (group.z * params.m + first_row) * ${width} + first_column;
        let is_whole = row_start + ${rows}u <= params.m && column_start + ${columns}u <= ${width};
        ${bias || residual ? `if (is_whole) { ${bias ? beginWithBiases : lines(blocks.map((block) => load(block, 'residual', place(block))))} }` : ''}`
          : ''
      }`,
    end: /* wgsl */ `
      ${isDirect ? `if (is_whole) { ${isOneResult ? store('c') : ofSide(count, (side) => store(`c${side}`), TILE_SIDE)} return; }` : ''}
      let own = (lane / ${unit.subgroupSize}u) * ${size}u;
      let member = lane % ${unit.subgroupSize}u;
      ${lines(blocks.map(storeBlock))}`,
  };
}

/** One subgroup writes a block of sums, with what is added to them. */
function blockWriter({ rows, columns, subgroupSize }: MatrixUnit, sides: SidesWgsl, isVector: boolean): string {
  const width = sides.width;
  const step = isVector ? 4 : 1;
  const perRow = columns / step;
  const four = range(4).map((i) => `sums[first + ${i}u]`);
  return /* wgsl */ `
    fn write_block(piece: u32, block_row: u32, block_column: u32, own: u32, member: u32) {
      for (var i = member; i < ${rows * perRow}u; i += ${subgroupSize}u) {
        let row = block_row + i / ${perRow}u;
        let column = block_column + (i % ${perRow}u) * ${step}u;
        if (row < params.m && column < ${width}) {
          let at = ((piece * params.m + row) * ${width} + column) / ${step}u;
          let first = own + i * ${step}u;
          let value = ${isVector ? `vec4f(${four.join(', ')})` : 'sums[first]'};
          ${sides.write('value', { at: 'at', column: `column / ${step}u` })}
        }
      }
    }`;
}
