import type { FloatArray } from '../arrays/float-array.ts';

/** log N(x; 0, I) of each of the `batch` equal rows that `sample` consists of. */
export function standardNormalLogDensity(
  sample: FloatArray,
  { batch = 1 }: { readonly batch?: number } = {},
): Float64Array {
  const dimension = sample.length / batch;
  return Float64Array.from({ length: batch }, (_, row) => {
    let squares = 0;
    for (let i = row * dimension; i < (row + 1) * dimension; i++) squares += sample[i]! ** 2;
    return -0.5 * (squares + dimension * Math.log(2 * Math.PI));
  });
}
