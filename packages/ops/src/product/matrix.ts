import { programs } from '@latte-flow/runtime';

import { lines, range } from '../kernel/unrolled.ts';
import type { OperandLayout, OperandReader } from './operand.ts';
import { matrixResult } from './matrix-result.ts';
import { sidesReaders, sidesWgsl } from './sides.ts';
import { readerOfA, stagedOperand, tileOrigin, walkTiles, type StagedOperand, type TiledOperand } from './tile-walk.ts';

/**
 * C = A B with operands rounded to f16 on their way into workgroup memory, multiplied by the matrix units of the device
 * (`chromium-experimental-subgroup-matrix`), summed in f32. Operands and workgroups lie as in `tiledProduct`. In workgroup memory
 * 4 halves are one element, so that a lane stores what it read at once; the units read the bits as halves.
 */
export const matrixProduct = programs(
  (
    unitRows: number,
    unitColumns: number,
    unitDepth: number,
    subgroupSize: number,
    rows: number,
    columns: number,
    depth: number,
    subgroupRows: number,
    subgroupColumns: number,
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
    const sides = { count, isOneResult, bias, residual };
    const wgsl = sidesWgsl(sides, vectorC ? 'vec4f' : 'f32');
    const unit = { rows: unitRows, columns: unitColumns, depth: unitDepth, subgroupSize };
    const subgroups = subgroupRows * subgroupColumns;
    const lanes = subgroups * subgroupSize;
    const [tallest, widest] = [rows / subgroupRows / unitRows, columns / subgroupColumns / unitColumns];
    // In elements of 4 halves; 2 more shift the banks of neighbouring rows.
    const strideOf = (innerContiguous: boolean, extent: number): number => (innerContiguous ? depth : extent) / 4 + 2;
    const [strideA, strideB] = [strideOf(!transposeA, rows), strideOf(transposeB, columns)];
    const [sizeA, sizeB] = [(transposeA ? depth : rows) * strideA, (transposeB ? columns : depth) * strideB];
    const operand = (
      reader: OperandReader,
      stride: number,
      tiled: Pick<TiledOperand, 'name' | 'extent' | 'innerContiguous' | 'origin' | 'readers'>,
    ): StagedOperand =>
      stagedOperand({
        ...tiled,
        depth,
        lanes,
        isWhole,
        convert: (read) => halvesOf(read, reader),
        put: ({ value, outer, inner }) => {
          const [row, column] = tiled.innerContiguous ? [outer, inner] : [inner, outer];
          return `tile_${tiled.name}[${row} * ${stride}u + ${column} / 4u] = ${value};`;
        },
      });
    const readerA = readerOfA(layoutA, transposeA);
    const readersB = sidesReaders(count, layoutB, transposeB);
    const a = operand(readerA, strideA, {
      name: 'a',
      extent: rows,
      innerContiguous: !transposeA,
      origin: 'row_start',
      readers: [readerA],
    });
    const b = operand(readersB[0]!, strideB, {
      name: 'b',
      extent: columns,
      innerContiguous: transposeB,
      origin: 'column_start',
      readers: readersB,
    });
    // The types name columns first.
    const left = `subgroup_matrix_left<f16, ${unitDepth}, ${unitRows}>`;
    const right = `subgroup_matrix_right<f16, ${unitColumns}, ${unitDepth}>`;
    const tile = { unit, rows, columns, subgroupRows, subgroupColumns };
    const result = matrixResult(tile, { sides, wgsl, isVector: vectorC });
    const loadA = (i: number, inner: number): string =>
      transposeA
        ? `subgroupMatrixLoad<${left}, col_major>(&tile_a, ${inner * strideA}u + (subgroup_row + ${i * unitRows}u) / 4u, ${strideA}u)`
        : `subgroupMatrixLoad<${left}, row_major>(&tile_a, (subgroup_row + ${i * unitRows}u) * ${strideA}u + ${inner / 4}u, ${strideA}u)`;
    const loadB = (j: number, inner: number): string =>
      transposeB
        ? `subgroupMatrixLoad<${right}, col_major>(&tile_b, (subgroup_column + ${j * unitColumns}u) * ${strideB}u + ${inner / 4}u, ${strideB}u)`
        : `subgroupMatrixLoad<${right}, row_major>(&tile_b, ${inner * strideB}u + (subgroup_column + ${j * unitColumns}u) / 4u, ${strideB}u)`;
    // Unrolled: a loop halves the speed on graphics cards.
    const multiply = lines(
      range(depth / unitDepth).map((step) => {
        const inner = step * unitDepth;
        const products = range(widest).map((j) => {
          const sums = range(tallest).map(
            (i) => `sum${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b, sum${i}_${j});`,
          );
          return `{ let b = ${loadB(j, inner)}; ${sums.join(' ')} }`;
        });
        return `{ ${lines(range(tallest).map((i) => `let a${i} = ${loadA(i, inner)};`))} ${lines(products)} }`;
      }),
    );
    return {
      name: 'matrixProduct',
      directives:
        'enable f16; enable subgroups; enable chromium_experimental_subgroup_matrix; diagnostic(off, chromium.subgroup_matrix_uniformity); diagnostic(off, subgroup_uniformity);',
      inputs: [...readerA.inputs, ...readersB.flatMap(({ inputs }) => inputs), ...wgsl.inputs],
      outputs: wgsl.outputs,
      params: ['m: u32', 'k: u32', 'piece: u32', ...wgsl.params, ...readersB[0]!.params],
      body: /* wgsl */ `
        ${wgsl.declarations}
        ${readerA.body}
        ${readersB[0]!.functions}
        ${lines(readersB.map(({ body }) => body))}
        var<workgroup> tile_a: array<vec2u, ${sizeA}>;
        var<workgroup> tile_b: array<vec2u, ${sizeB}>;
        ${result.memory}
        @compute @workgroup_size(${lanes})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          ${tileOrigin({ rows, columns }, wgsl)}
          let subgroup = lane / ${subgroupSize}u;
          let subgroup_row = (subgroup / ${subgroupColumns}u) * ${rows / subgroupRows}u;
          let subgroup_column = (subgroup % ${subgroupColumns}u) * ${columns / subgroupColumns}u;
          ${result.begin}
          ${walkTiles([a, b], depth, multiply)}
          ${result.end}
        }
        ${result.functions}`,
    };
  },
);

/** What was read of an operand as the bits of 4 halves; packed ones are there already. */
function halvesOf(read: string, { layout, value }: OperandReader): string {
  return layout === 'float16' ? read : `bitcast<vec2u>(vec4<f16>(${value(read)}))`;
}
