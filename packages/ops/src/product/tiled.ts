import { programs } from '@latte-flow/runtime';

import { lines, range } from '../kernel/unrolled.ts';
import type { OperandLayout, OperandReader } from './operand.ts';
import { sidesReaders, sidesWgsl, type SidesWgsl } from './sides.ts';
import { readerOfA, stagedOperand, tileOrigin, walkTiles, type TiledOperand } from './tile-walk.ts';
import { lanesOf } from './tiling.ts';

/** Vectors between rows of a tile in workgroup memory: one more than there are, so that rows begin at different banks. */
const strideOf = (extent: number): number => extent / 4 + 1;

/** An operand as [depth][extent] in workgroup memory. */
function operandOf(reader: OperandReader, operand: Omit<TiledOperand, 'put' | 'convert'>): TiledOperand {
  const { name, extent, innerContiguous } = operand;
  const stride = strideOf(extent);
  return {
    ...operand,
    convert: (read) => reader.value(read),
    put: ({ value, outer, inner }) =>
      innerContiguous
        ? lines(
            range(4).map(
              (j) => `tile_${name}[(${inner} + ${j}u) * ${stride}u + ${outer} / 4u][${outer} % 4u] = ${value}[${j}];`,
            ),
          )
        : `tile_${name}[${inner} * ${stride}u + ${outer} / 4u] = ${value};`,
  };
}

/**
 * C = A B, A [M, K] or transposed, B [K, N] or transposed. Workgroups lie along x (columns), y (rows) and z (pieces of the
 * inner axis, `params.piece` long, a multiple of `depth`, each of which writes a result of its own). Tiles go through workgroup memory; the next is on its
 * way from memory while one is multiplied.
 */
export const tiledProduct = programs(
  (
    rows: number,
    columns: number,
    depth: number,
    perLaneRows: number,
    perLaneColumns: number,
    transposeA: boolean,
    transposeB: boolean,
    layoutA: OperandLayout,
    layoutB: OperandLayout,
    vectorC: boolean,
    count: number,
    isOneResult: boolean,
    bias: boolean,
    residual: boolean,
    isWhole: boolean,
  ) => {
    const sides = sidesWgsl({ count, isOneResult, bias, residual }, vectorC ? 'vec4f' : 'f32');
    const lanes = lanesOf({ rows, columns, depth, perLaneRows, perLaneColumns });
    const across = columns / perLaneColumns;
    const [rowChunks, columnChunks] = [perLaneRows / 4, perLaneColumns / 4];
    const readerA = readerOfA(layoutA, transposeA);
    const readersB = sidesReaders(count, layoutB, transposeB);
    const common = { depth, lanes, isWhole };
    const a = stagedOperand(
      operandOf(readerA, {
        ...common,
        name: 'a',
        extent: rows,
        innerContiguous: !transposeA,
        origin: 'row_start',
        readers: [readerA],
      }),
    );
    const b = stagedOperand(
      operandOf(readersB[0]!, {
        ...common,
        name: 'b',
        extent: columns,
        innerContiguous: transposeB,
        origin: 'column_start',
        readers: readersB,
      }),
    );
    const [strideA, strideB] = [strideOf(rows), strideOf(columns)];
    const rowOf = (i: number): string =>
      `row_start + ${Math.floor(i / 4) * (rows / rowChunks) + (i % 4)}u + lane_row * 4u`;
    const columnOf = (j: number): string => `column_start + ${j * (columns / columnChunks)}u + lane_column * 4u`;
    // Unrolled: a loop costs an eighth of the speed on graphics cards, for all that their compilers could do the same.
    const multiply = lines(
      range(depth).map(
        (i) => /* wgsl */ `{
          ${lines(range(rowChunks).map((r) => `let a${r} = tile_a[lane_row + ${i * strideA + (r * rows) / rowChunks / 4}u];`))}
          ${lines(range(columnChunks).map((j) => `let b${j} = tile_b[lane_column + ${i * strideB + (j * columns) / columnChunks / 4}u];`))}
          ${lines(range(perLaneRows).flatMap((i) => range(columnChunks).map((j) => `sum${i}_${j} = fma(vec4f(a${Math.floor(i / 4)}[${i % 4}]), b${j}, sum${i}_${j});`)))}
        }`,
      ),
    );
    return {
      name: 'product',
      inputs: [...readerA.inputs, ...readersB.flatMap(({ inputs }) => inputs), ...sides.inputs],
      outputs: sides.outputs,
      params: ['m: u32', 'k: u32', 'piece: u32', ...sides.params, ...readersB[0]!.params],
      body: /* wgsl */ `
        ${sides.declarations}
        ${readerA.body}
        ${readersB[0]!.functions}
        ${lines(readersB.map(({ body }) => body))}
        var<workgroup> tile_a: array<vec4f, ${depth * strideA}>;
        var<workgroup> tile_b: array<vec4f, ${depth * strideB}>;
        ${writer(vectorC, sides)}
        @compute @workgroup_size(${lanes})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          ${tileOrigin({ rows, columns }, sides)}
          let lane_row = lane / ${across}u;
          let lane_column = lane % ${across}u;
          ${lines(range(perLaneRows).flatMap((i) => range(columnChunks).map((j) => `var sum${i}_${j} = vec4f();`)))}
          ${walkTiles([a, b], depth, multiply)}
          ${lines(range(perLaneRows).flatMap((i) => range(columnChunks).map((j) => `write_c(group.z, ${rowOf(i)}, ${columnOf(j)}, sum${i}_${j});`)))}
        }`,
    };
  },
);

/** Writes 4 sums of a row, with what is added to them. */
function writer(vector: boolean, sides: SidesWgsl): string {
  const width = sides.width;
  return vector
    ? /* wgsl */ `
    fn write_c(piece: u32, row: u32, column: u32, sums: vec4f) {
      if (row >= params.m || column >= ${width}) { return; }
      let at = ((piece * params.m + row) * ${width} + column) / 4u;
      ${sides.write('sums', { at: 'at', column: 'column / 4u' })}
    }`
    : /* wgsl */ `
    fn write_c(piece: u32, row: u32, column: u32, sums: vec4f) {
      if (row >= params.m) { return; }
      for (var i = 0u; i < 4u; i++) {
        if (column + i >= ${width}) { return; }
        let at = (piece * params.m + row) * ${width} + column + i;
        ${sides.write('sums[i]', { at: 'at', column: 'column + i' })}
      }
    }`;
}
