import { programs } from '@latte-flow/runtime';

import { lines, range } from '../kernel/unrolled.ts';
import type { OperandLayout, OperandReader } from './operand.ts';
import { sidesReader, sidesWgsl, type SidesWgsl } from './sides.ts';
import { readerOfA, tileOrigin, walkTiles, type StagedOperand } from './tile-walk.ts';

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
  ) => {
    const sides = sidesWgsl({ count, isOneResult, bias, residual }, vectorC ? 'vec4f' : 'f32');
    const subgroups = subgroupRows * subgroupColumns;
    const lanes = subgroups * subgroupSize;
    const [tallest, widest] = [rows / subgroupRows / unitRows, columns / subgroupColumns / unitColumns];
    // In elements of 4 halves; 2 more shift the banks of neighbouring rows.
    const strideOf = (innerContiguous: boolean, extent: number): number => (innerContiguous ? depth : extent) / 4 + 2;
    const [strideA, strideB] = [strideOf(!transposeA, rows), strideOf(transposeB, columns)];
    const [sizeA, sizeB] = [(transposeA ? depth : rows) * strideA, (transposeB ? columns : depth) * strideB];
    const operand = (
      name: 'a' | 'b',
      extent: number,
      innerContiguous: boolean,
      origin: string,
      tileStride: number,
      reader: OperandReader,
    ): StagedOperand => {
      const perLane = (extent * depth) / 4 / lanes;
      const [across, along] = innerContiguous ? [depth / 4, 'depth_start'] : [extent / 4, origin];
      const places = range(perLane).map(
        (i) => `
          let row_${name}${i} = (lane + ${i * lanes}u) / ${across}u;
          let column_${name}${i} = ((lane + ${i * lanes}u) % ${across}u) * 4u;
          var next_${name}${i}: ${reader.type};`,
      );
      const outer = innerContiguous ? origin : 'depth_start';
      return {
        places: lines(places),
        read: lines(
          range(perLane).map(
            (i) => `next_${name}${i} = read_${name}(${outer} + row_${name}${i}, ${along} + column_${name}${i});`,
          ),
        ),
        store: lines(
          range(perLane).map(
            (i) =>
              `tile_${name}[row_${name}${i} * ${tileStride}u + column_${name}${i} / 4u] = ${halvesOf(`next_${name}${i}`, reader)};`,
          ),
        ),
      };
    };
    const readerA = readerOfA(layoutA, transposeA);
    const readerB = sidesReader(count, layoutB, transposeB);
    const a = operand('a', rows, !transposeA, 'row_start', strideA, readerA);
    const b = operand('b', columns, transposeB, 'column_start', strideB, readerB);
    // The types name columns first.
    const left = `subgroup_matrix_left<f16, ${unitDepth}, ${unitRows}>`;
    const right = `subgroup_matrix_right<f16, ${unitColumns}, ${unitDepth}>`;
    const result = `subgroup_matrix_result<f32, ${unitColumns}, ${unitRows}>`;
    const loadA = (i: number): string =>
      transposeA
        ? `subgroupMatrixLoad<${left}, col_major>(&tile_a, inner * ${strideA}u + (subgroup_row + ${i * unitRows}u) / 4u, ${strideA}u)`
        : `subgroupMatrixLoad<${left}, row_major>(&tile_a, (subgroup_row + ${i * unitRows}u) * ${strideA}u + inner / 4u, ${strideA}u)`;
    const loadB = (j: number): string =>
      transposeB
        ? `subgroupMatrixLoad<${right}, col_major>(&tile_b, (subgroup_column + ${j * unitColumns}u) * ${strideB}u + inner / 4u, ${strideB}u)`
        : `subgroupMatrixLoad<${right}, row_major>(&tile_b, inner * ${strideB}u + (subgroup_column + ${j * unitColumns}u) / 4u, ${strideB}u)`;
    const blocks = range(tallest).flatMap((i) => range(widest).map((j) => [i, j] as const));
    const storeBlock = ([i, j]: readonly [number, number]): string => /* wgsl */ `
      subgroupMatrixStore<row_major>(&sums, own, sum${i}_${j}, ${unitColumns}u);
      workgroupBarrier();
      write_block(group.z, first_row + ${i * unitRows}u, first_column + ${j * unitColumns}u, own, member);
      workgroupBarrier();`;
    const storeBlockAsItIs = ([i, j]: readonly [number, number]): string =>
      `subgroupMatrixStore<row_major>(&c, (first + ${i * unitRows}u * params.n + ${j * unitColumns}u) / 4u, sum${i}_${j}, params.n / 4u);`;
    const multiply = /* wgsl */ `
      for (var inner = 0u; inner < ${depth}u; inner += ${unitDepth}u) {
        ${lines(range(tallest).map((i) => `let a${i} = ${loadA(i)};`))}
        ${lines(
          range(widest).map(
            (j) =>
              `{ let b = ${loadB(j)}; ${range(tallest)
                .map((i) => `sum${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b, sum${i}_${j});`)
                .join(' ')} }`,
          ),
        )}
      }`;
    return {
      name: 'matrixProduct',
      directives:
        'enable f16; enable subgroups; enable chromium_experimental_subgroup_matrix; diagnostic(off, chromium.subgroup_matrix_uniformity); diagnostic(off, subgroup_uniformity);',
      inputs: [...readerA.inputs, ...readerB.inputs, ...sides.inputs],
      outputs: sides.outputs,
      params: ['m: u32', 'k: u32', 'piece: u32', ...sides.params, ...readerB.params],
      body: /* wgsl */ `
        ${sides.declarations}
        ${readerA.body}
        ${readerB.functions}
        ${readerB.body}
        var<workgroup> tile_a: array<vec2u, ${sizeA}>;
        var<workgroup> tile_b: array<vec2u, ${sizeB}>;
        var<workgroup> sums: array<f32, ${subgroups * unitRows * unitColumns}>;
        @compute @workgroup_size(${lanes})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          ${tileOrigin({ rows, columns }, sides)}
          let subgroup = lane / ${subgroupSize}u;
          let subgroup_row = (subgroup / ${subgroupColumns}u) * ${rows / subgroupRows}u;
          let subgroup_column = (subgroup % ${subgroupColumns}u) * ${columns / subgroupColumns}u;
          ${lines(blocks.map(([i, j]) => `var sum${i}_${j}: ${result};`))}
          ${walkTiles([a, b], depth, multiply)}
          let first_row = row_start + subgroup_row;
          let first_column = column_start + subgroup_column;
          ${
            vectorC && count === 1 && !bias && !residual
              ? /* wgsl */ `
          if (row_start + ${rows}u <= params.m && column_start + ${columns}u <= params.n) {
            let first = (group.z * params.m + first_row) * params.n + first_column;
            ${lines(blocks.map(storeBlockAsItIs))}
            return;
          }`
              : ''
          }
          let own = subgroup * ${unitRows * unitColumns}u;
          let member = lane % ${subgroupSize}u;
          ${lines(blocks.map(storeBlock))}
        }
        ${blockWriter(vectorC, { sides, unitRows, unitColumns, subgroupSize })}`,
    };
  },
);

/** What was read of an operand as the bits of 4 halves; packed ones are there already. */
function halvesOf(read: string, { layout, value }: OperandReader): string {
  return layout === 'float16' ? read : `bitcast<vec2u>(vec4<f16>(${value(read)}))`;
}

interface Block {
  readonly sides: SidesWgsl;
  readonly unitRows: number;
  readonly unitColumns: number;
  readonly subgroupSize: number;
}

/** One subgroup writes a block of sums, with what is added to them. */
function blockWriter(vector: boolean, { sides, unitRows, unitColumns, subgroupSize }: Block): string {
  const width = sides.width;
  const step = vector ? 4 : 1;
  const perRow = unitColumns / step;
  const four = range(4).map((i) => `sums[first + ${i}u]`);
  return /* wgsl */ `
    fn write_block(piece: u32, block_row: u32, block_column: u32, own: u32, member: u32) {
      for (var i = member; i < ${unitRows * perRow}u; i += ${subgroupSize}u) {
        let row = block_row + i / ${perRow}u;
        let column = block_column + (i % ${perRow}u) * ${step}u;
        if (row < params.m && column < ${width}) {
          let at = ((piece * params.m + row) * ${width} + column) / ${step}u;
          let first = own + i * ${step}u;
          let value = ${vector ? `vec4f(${four.join(', ')})` : 'sums[first]'};
          ${sides.write('value', { at: 'at', column: `column / ${step}u` })}
        }
      }
    }`;
}
