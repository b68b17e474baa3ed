import { programs } from '@latte-flow/runtime';

import { lines, range } from '../kernel/unrolled.ts';
import type { OperandLayout, OperandReader } from './operand.ts';
import { sidesReader, sidesWgsl, type SidesWgsl } from './sides.ts';
import { readerOfA, tileOrigin, walkTiles, type StagedOperand } from './tile-walk.ts';
import { lanesOf } from './tiling.ts';

interface Operand {
  readonly name: 'a' | 'b';
  /** Extent of the tile along the result's axis. */
  readonly extent: number;
  /** Whether the inner axis of the product is the operand's contiguous one. */
  readonly innerContiguous: boolean;
  /** Where the workgroup's tile starts along the result's axis. */
  readonly origin: string;
  readonly reader: OperandReader;
}

/** Every lane's share of a tile: read into registers, then put into workgroup memory as [depth][extent]. */
function staging(
  { name, extent, innerContiguous, origin, reader }: Operand,
  { depth, lanes }: { depth: number; lanes: number },
): StagedOperand & { readonly memory: string; readonly stride: number } {
  const vectors = (extent * depth) / 4;
  const perLane = Math.ceil(vectors / lanes);
  const stride = extent / 4 + 1;
  const place = (i: number): string => {
    const at = `(lane + ${i * lanes}u)`;
    return innerContiguous
      ? `let outer_${name}${i} = ${at} / ${depth / 4}u; let inner_${name}${i} = (${at} % ${depth / 4}u) * 4u;`
      : `let inner_${name}${i} = ${at} / ${extent / 4}u; let outer_${name}${i} = (${at} % ${extent / 4}u) * 4u;`;
  };
  const guard = (i: number, text: string): string =>
    (i + 1) * lanes > vectors ? `if (lane + ${i * lanes}u < ${vectors}u) { ${text} }` : text;
  const read = (i: number): string => {
    const [outer, inner] = [`${origin} + outer_${name}${i}`, `depth_start + inner_${name}${i}`];
    return guard(
      i,
      `next_${name}${i} = read_${name}(${innerContiguous ? `${outer}, ${inner}` : `${inner}, ${outer}`});`,
    );
  };
  const put = (i: number): string =>
    innerContiguous
      ? lines(
          range(4).map(
            (j) =>
              `tile_${name}[(inner_${name}${i} + ${j}u) * ${stride}u + outer_${name}${i} / 4u][outer_${name}${i} % 4u] = value_${name}${i}[${j}];`,
          ),
        )
      : `tile_${name}[inner_${name}${i} * ${stride}u + outer_${name}${i} / 4u] = value_${name}${i};`;
  const store = (i: number): string =>
    guard(i, `let value_${name}${i} = ${reader.value(`next_${name}${i}`)}; ${put(i)}`);
  return {
    memory: `var<workgroup> tile_${name}: array<vec4f, ${depth * stride}>;`,
    places: lines(range(perLane).map((i) => `${place(i)} var next_${name}${i}: ${reader.type};`)),
    read: lines(range(perLane).map(read)),
    store: lines(range(perLane).map(store)),
    stride,
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
  ) => {
    const sides = sidesWgsl({ count, isOneResult, bias, residual }, vectorC ? 'vec4f' : 'f32');
    const lanes = lanesOf({ rows, columns, depth, perLaneRows, perLaneColumns });
    const across = columns / perLaneColumns;
    const [rowChunks, columnChunks] = [perLaneRows / 4, perLaneColumns / 4];
    const readerA = readerOfA(layoutA, transposeA);
    const readerB = sidesReader(count, layoutB, transposeB);
    const a = staging(
      { name: 'a', extent: rows, innerContiguous: !transposeA, origin: 'row_start', reader: readerA },
      { depth, lanes },
    );
    const b = staging(
      { name: 'b', extent: columns, innerContiguous: transposeB, origin: 'column_start', reader: readerB },
      { depth, lanes },
    );
    const rowOf = (i: number): string =>
      `row_start + ${Math.floor(i / 4) * (rows / rowChunks) + (i % 4)}u + lane_row * 4u`;
    const columnOf = (j: number): string => `column_start + ${j * (columns / columnChunks)}u + lane_column * 4u`;
    // Unrolled: a loop costs an eighth of the speed on graphics cards, for all that their compilers could do the same.
    const multiply = lines(
      range(depth).map(
        (i) => /* wgsl */ `{
          ${lines(range(rowChunks).map((r) => `let a${r} = tile_a[lane_row + ${i * a.stride + (r * rows) / rowChunks / 4}u];`))}
          ${lines(range(columnChunks).map((j) => `let b${j} = tile_b[lane_column + ${i * b.stride + (j * columns) / columnChunks / 4}u];`))}
          ${lines(range(perLaneRows).flatMap((i) => range(columnChunks).map((j) => `sum${i}_${j} = fma(vec4f(a${Math.floor(i / 4)}[${i % 4}]), b${j}, sum${i}_${j});`)))}
        }`,
      ),
    );
    return {
      name: 'product',
      inputs: [...readerA.inputs, ...readerB.inputs, ...sides.inputs],
      outputs: sides.outputs,
      params: ['m: u32', 'k: u32', 'piece: u32', ...sides.params, ...readerB.params],
      body: /* wgsl */ `
        ${sides.declarations}
        ${readerA.body}
        ${readerB.functions}
        ${readerB.body}
        ${a.memory}
        ${b.memory}
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
