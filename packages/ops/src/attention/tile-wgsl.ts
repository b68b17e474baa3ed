import { each } from '../kernel/unrolled.ts';
import { columnsOf, LANES, pitchOf, rowsOf, vectorsOf, type Tile } from './tile.ts';

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

/** Steps of a loop that are written out: loops of single steps take a graphics card longer. */
const stepsAtOnce = (count: number): number => [4, 3, 2, 1].find((steps) => count % steps === 0)!;

/**
 * WGSL: products of the lane's rows with its four columns, one vector NAME_i a row. `row` gives vector e of row i.
 */
export function products(
  { rowsEach, width }: Tile,
  pairs: readonly { name: string; row: (i: number) => string; staged: string }[],
): string {
  const vectors = vectorsOf({ width });
  const steps = stepsAtOnce(vectors);
  return /* wgsl */ `
    ${pairs.map(({ name }) => each(rowsEach, (i) => `var ${name}_${i} = vec4f();`)).join('\n')}
    for (var first_e = 0u; first_e < ${vectors}u; first_e += ${steps}u) {
      ${each(
        steps,
        (step) => `{
          let e = first_e + ${step}u;
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
        }`,
      )}
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
  const steps = Math.min(2, tile.lanesX);
  return /* wgsl */ `
    for (var first_j = 0u; first_j < LANES_X; first_j += ${steps}u) {
      ${each(
        steps,
        (step) => `{
          let j = first_j + ${step}u;
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
        }`,
      )}
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
