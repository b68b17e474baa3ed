import { programs } from '@latte-flow/runtime';

/** Lanes of a subgroup, and sizes of its matrices: f16 operands, f32 sums. */
const SUBGROUP = 32;
const SIDE = 16;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (parts: readonly string[]): string => parts.join('\n');

/**
 * C = A B with operands rounded to f16 on their way into workgroup memory, multiplied by the matrix units of the device
 * (`chromium-experimental-subgroup-matrix`), summed in f32. Operands lie as in `tiledProduct`; their contiguous axes are multiples of
 * 4, M, N and K of nothing. Workgroups lie along x (columns), y (rows) and z (pieces of the inner axis).
 */
export const matrixProduct = programs(
  (
    rows: number,
    columns: number,
    depth: number,
    subgroupRows: number,
    subgroupColumns: number,
    transposeA: boolean,
    transposeB: boolean,
    vectorC: boolean,
    bias: boolean,
    residual: boolean,
  ) => {
    const subgroups = subgroupRows * subgroupColumns;
    const lanes = subgroups * SUBGROUP;
    const [tallest, widest] = [rows / subgroupRows / SIDE, columns / subgroupColumns / SIDE];
    const stride = depth + 8; // shifts the banks of neighbouring rows
    const [strideA, strideB] = [transposeA ? rows + 8 : stride, transposeB ? stride : columns + 8];
    const [sizeA, sizeB] = [
      transposeA ? depth * strideA : rows * stride,
      transposeB ? columns * stride : depth * strideB,
    ];
    const operand = (name: 'a' | 'b', extent: number, innerContiguous: boolean, origin: string, tileStride: number) => {
      const perLane = (extent * depth) / 4 / lanes;
      const [across, along] = innerContiguous ? [depth / 4, 'depth_start'] : [extent / 4, origin];
      const places = range(perLane).map(
        (i) => `
          let row_${name}${i} = (lane + ${i * lanes}u) / ${across}u;
          let column_${name}${i} = ((lane + ${i * lanes}u) % ${across}u) * 4u;
          var next_${name}${i}: vec4f;`,
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
          range(perLane).flatMap((i) =>
            range(4).map(
              (j) =>
                `tile_${name}[row_${name}${i} * ${tileStride}u + column_${name}${i} + ${j}u] = f16(next_${name}${i}[${j}]);`,
            ),
          ),
        ),
      };
    };
    const a = operand('a', rows, !transposeA, 'row_start', strideA);
    const b = operand('b', columns, transposeB, 'column_start', strideB);
    const reader = (name: string, outer: string, inner: string): string => /* wgsl */ `
      fn read_${name}(row: u32, column: u32) -> vec4f {
        if (row >= ${outer} || column >= ${inner}) { return vec4f(); }
        return ${name}[(row * ${inner} + column) / 4u];
      }`;
    const left = 'subgroup_matrix_left<f16, 16, 16>';
    const right = 'subgroup_matrix_right<f16, 16, 16>';
    const result = 'subgroup_matrix_result<f32, 16, 16>';
    const loadA = (i: number): string =>
      transposeA
        ? `subgroupMatrixLoad<${left}>(&tile_a, inner * ${strideA}u + subgroup_row + ${i * SIDE}u, true, ${strideA}u)`
        : `subgroupMatrixLoad<${left}>(&tile_a, (subgroup_row + ${i * SIDE}u) * ${strideA}u + inner, false, ${strideA}u)`;
    const loadB = (j: number): string =>
      transposeB
        ? `subgroupMatrixLoad<${right}>(&tile_b, (subgroup_column + ${j * SIDE}u) * ${strideB}u + inner, true, ${strideB}u)`
        : `subgroupMatrixLoad<${right}>(&tile_b, inner * ${strideB}u + subgroup_column + ${j * SIDE}u, false, ${strideB}u)`;
    return {
      name: 'matrixProduct',
      directives:
        'enable f16; enable subgroups; enable chromium_experimental_subgroup_matrix; diagnostic(off, chromium.subgroup_matrix_uniformity); diagnostic(off, subgroup_uniformity);',
      inputs: [
        'a: array<vec4f>',
        'b: array<vec4f>',
        ...(bias ? ['bias: array<f32>'] : []),
        ...(residual ? ['residual: array<f32>'] : []),
      ],
      outputs: [vectorC ? 'c: array<vec4f>' : 'c: array<f32>'],
      params: ['m: u32', 'n: u32', 'k: u32', 'piece: u32'],
      body: /* wgsl */ `
        ${transposeA ? reader('a', 'params.k', 'params.m') : reader('a', 'params.m', 'params.k')}
        ${transposeB ? reader('b', 'params.n', 'params.k') : reader('b', 'params.k', 'params.n')}
        var<workgroup> tile_a: array<f16, ${sizeA}>;
        var<workgroup> tile_b: array<f16, ${sizeB}>;
        var<workgroup> sums: array<f32, ${subgroups * SIDE * SIDE}>;
        @compute @workgroup_size(${lanes})
        fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
          let row_start = group.y * ${rows}u;
          let column_start = group.x * ${columns}u;
          let depth_first = group.z * params.piece;
          let depth_end = min(params.k, depth_first + params.piece);
          let subgroup = lane / ${SUBGROUP}u;
          let subgroup_row = (subgroup / ${subgroupColumns}u) * ${rows / subgroupRows}u;
          let subgroup_column = (subgroup % ${subgroupColumns}u) * ${columns / subgroupColumns}u;
          ${a.places}
          ${b.places}
          ${lines(range(tallest).flatMap((i) => range(widest).map((j) => `var sum${i}_${j}: ${result};`)))}
          var depth_start = depth_first;
          ${a.read}
          ${b.read}
          while (depth_start < depth_end) {
            ${a.store}
            ${b.store}
            workgroupBarrier();
            depth_start += ${depth}u;
            if (depth_start < depth_end) {
              ${a.read}
              ${b.read}
            }
            for (var inner = 0u; inner < ${depth}u; inner += ${SIDE}u) {
              ${lines(range(tallest).map((i) => `let a${i} = ${loadA(i)};`))}
              ${lines(
                range(widest).map(
                  (j) =>
                    `{ let b = ${loadB(j)}; ${range(tallest)
                      .map((i) => `sum${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b, sum${i}_${j});`)
                      .join(' ')} }`,
                ),
              )}
            }
            workgroupBarrier();
          }
          let own = subgroup * ${SIDE * SIDE}u;
          let member = lane % ${SUBGROUP}u;
          ${lines(
            range(tallest).flatMap((i) =>
              range(widest).map(
                (j) => /* wgsl */ `
          subgroupMatrixStore(&sums, own, sum${i}_${j}, false, ${SIDE}u);
          workgroupBarrier();
          write_block(group.z, row_start + subgroup_row + ${i * SIDE}u, column_start + subgroup_column + ${j * SIDE}u, own, member);
          workgroupBarrier();`,
              ),
            ),
          )}
        }
        ${blockWriter(vectorC, { bias, residual })}`,
    };
  },
);

/** One subgroup writes a block of 16 x 16 sums, with what is added to them. */
function blockWriter(vector: boolean, { bias, residual }: { bias: boolean; residual: boolean }): string {
  return vector
    ? /* wgsl */ `
    fn write_block(piece: u32, block_row: u32, block_column: u32, own: u32, member: u32) {
      for (var i = member; i < 64u; i += ${SUBGROUP}u) {
        let row = block_row + i / 4u;
        let column = block_column + (i % 4u) * 4u;
        if (row < params.m && column < params.n) {
          let at = (piece * params.m + row) * params.n + column;
          let from = own + i * 4u;
          var value = vec4f(sums[from], sums[from + 1u], sums[from + 2u], sums[from + 3u]);
          ${bias ? 'value += vec4f(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]);' : ''}
          ${residual ? 'value += vec4f(residual[at], residual[at + 1u], residual[at + 2u], residual[at + 3u]);' : ''}
          c[at / 4u] = value;
        }
      }
    }`
    : /* wgsl */ `
    fn write_block(piece: u32, block_row: u32, block_column: u32, own: u32, member: u32) {
      for (var i = member; i < 256u; i += ${SUBGROUP}u) {
        let row = block_row + i / 16u;
        let column = block_column + i % 16u;
        if (row < params.m && column < params.n) {
          let at = (piece * params.m + row) * params.n + column;
          c[at] = sums[own + i] ${bias ? '+ bias[column]' : ''} ${residual ? '+ residual[at]' : ''};
        }
      }
    }`;
}
